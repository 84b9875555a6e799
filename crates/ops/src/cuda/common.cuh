// What every kernel of this crate shares: the number types and wide loads.
//
// Handed to NVRTC by name, beside the source that includes it. No header of the CUDA toolkit is included anywhere, so
// that a machine with the run-time libraries alone (NVRTC among them) can compile: hence bf16 is our own.
#pragma once

typedef long long i64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;
typedef unsigned long long u64;

// The upper half of an f32. Alignment and size are those of __nv_bfloat16.
struct bf16 {
    u16 bits;
};

// The type that sums, statistics, parameters and their gradients have beside maps of type T.
template <typename T> struct Accumulator { typedef float type; };
template <> struct Accumulator<double> { typedef double type; };
template <typename T> using Acc = typename Accumulator<T>::type;

__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ double wide(double x) { return x; }
__device__ __forceinline__ float wide(bf16 x) { return __uint_as_float(u32(x.bits) << 16); }

__device__ __forceinline__ void narrow(float &to, float x) { to = x; }
__device__ __forceinline__ void narrow(double &to, double x) { to = x; }
// Round to nearest, ties to even; NaN stays NaN.
__device__ __forceinline__ void narrow(bf16 &to, float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to.bits) : "f"(x));
#else
    const u32 bits = __float_as_uint(x);
    const u32 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    to.bits = u16(x != x ? 0x7fffu : rounded);
#endif
}

// N neighbouring values, moved by one load or store (of at most 16 bytes).
template <typename T, int N> struct __align__(sizeof(T) * N) Pack {
    T v[N];
};

template <int N, typename T> __device__ __forceinline__ void load(Acc<T> (&to)[N], const T *from) {
    const Pack<T, N> pack = *reinterpret_cast<const Pack<T, N> *>(from);
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = wide(pack.v[i]);
}

template <int N, typename T> __device__ __forceinline__ void store(T *to, const Acc<T> (&from)[N]) {
    Pack<T, N> pack;
#pragma unroll
    for (int i = 0; i < N; ++i) narrow(pack.v[i], from[i]);
    *reinterpret_cast<Pack<T, N> *>(to) = pack;
}

// Values of an array of parameters or statistics; these are read once a block, so not worth wide loads (f32 beside
// bf16x8 would take two).
template <int N, typename A> __device__ __forceinline__ void gather(A (&to)[N], const A *from) {
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = from[i];
}

__device__ __forceinline__ float fused(float a, float b, float c) { return fmaf(a, b, c); }
__device__ __forceinline__ double fused(double a, double b, double c) { return fma(a, b, c); }
// NaN in `a` stays, as Element::max in Rust has it.
__device__ __forceinline__ float larger(float a, float b) { return b > a ? b : a; }
__device__ __forceinline__ double larger(double a, double b) { return b > a ? b : a; }
__device__ __forceinline__ float root(float x) { return sqrtf(x); }
__device__ __forceinline__ double root(double x) { return sqrt(x); }
// expf and logf are within 2 and 1 units in the last place; the fast __expf is not used, because losses are compared
// with f64.
__device__ __forceinline__ float exponential(float x) { return expf(x); }
__device__ __forceinline__ double exponential(double x) { return exp(x); }
__device__ __forceinline__ float exponential_minus_1(float x) { return expm1f(x); }
__device__ __forceinline__ double exponential_minus_1(double x) { return expm1(x); }
__device__ __forceinline__ float logarithm(float x) { return logf(x); }
__device__ __forceinline__ double logarithm(double x) { return log(x); }

template <typename A> __device__ __forceinline__ A infinity() { return A(__int_as_float(0x7f800000)); }

// Threads of a block are at most this many, everywhere.
#define MAX_THREADS 256

// One entry point to an element type and to a width of loads. `x8` and so on need the number of channels to be a
// multiple of the width and every map to start at a multiple of 16 bytes.
#define FOR_MAPS(ENTRY)                                                                                                \
    ENTRY(f32, float, 1)                                                                                               \
    ENTRY(f32x4, float, 4)                                                                                             \
    ENTRY(f64, double, 1)                                                                                              \
    ENTRY(f64x2, double, 2)                                                                                            \
    ENTRY(bf16, bf16, 1)                                                                                               \
    ENTRY(bf16x8, bf16, 8)

// One entry point to an element type.
#define FOR_TYPES(ENTRY)                                                                                               \
    ENTRY(f32, float)                                                                                                  \
    ENTRY(f64, double)                                                                                                 \
    ENTRY(bf16, bf16)

// One entry point to a type of parameters.
#define FOR_PARAMS(ENTRY)                                                                                              \
    ENTRY(f32, float)                                                                                                  \
    ENTRY(f64, double)
