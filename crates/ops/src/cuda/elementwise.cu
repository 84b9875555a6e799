// What the graph does between operations: scaling the gradient of a loss, adding two gradients, and changing the type
// or the order of axes of a map.
#include "common.cuh"

#define EACH(AT, COUNT)                                                                                                \
    for (i64 AT = i64(blockIdx.x) * blockDim.x + threadIdx.x; AT < COUNT; AT += i64(gridDim.x) * blockDim.x)

// to = from times the one value of factor (of the accumulator's type).
template <typename T> __device__ void scale(T *to, const T *from, const Acc<T> *factor, i64 count) {
    EACH(i, count) narrow(to[i], wide(from[i]) * *factor);
}

template <typename T, int N> __device__ void add(T *to, const T *from, i64 count) {
    EACH(i, count / N) {
        Acc<T> a[N], b[N];
        load<N>(a, to + i * N);
        load<N>(b, from + i * N);
#pragma unroll
        for (int k = 0; k < N; ++k) a[k] += b[k];
        store<N>(to + i * N, a);
    }
}

// From [images, rows, columns] to [images, columns, rows]: NCHW to NHWC with rows = C and columns = H W, and back with
// the two exchanged.
template <typename T> __device__ void swap_axes(T *to, const T *from, i64 images, i64 rows, i64 columns) {
    EACH(at, images * rows * columns) {
        const i64 row = at % rows, rest = at / rows;
        to[at] = from[(rest / columns * rows + row) * columns + rest % columns];
    }
}

#define ENTRY(NAME, T, N)                                                                                              \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS) add_in_place_##NAME(T *to, const T *from, i64 count) {   \
        add<T, N>(to, from, count);                                                                                    \
    }
FOR_MAPS(ENTRY)
#undef ENTRY

#define ENTRY(NAME, T)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        scale_##NAME(T *to, const T *from, const Acc<T> *factor, i64 count) {                                          \
        scale<T>(to, from, factor, count);                                                                             \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        swap_axes_##NAME(T *to, const T *from, i64 images, i64 rows, i64 columns) {                                    \
        swap_axes<T>(to, from, images, rows, columns);                                                                 \
    }
FOR_TYPES(ENTRY)
#undef ENTRY

extern "C" __global__ void __launch_bounds__(MAX_THREADS) narrow_bf16(bf16 *to, const float *from, i64 count) {
    EACH(i, count) narrow(to[i], from[i]);
}

extern "C" __global__ void __launch_bounds__(MAX_THREADS) widen_bf16(float *to, const bf16 *from, i64 count) {
    EACH(i, count) to[i] = wide(from[i]);
}
