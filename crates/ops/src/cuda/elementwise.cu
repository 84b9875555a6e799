// What the graph does between operations: scaling the gradient of a loss, and adding two gradients.
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
    }
FOR_TYPES(ENTRY)
#undef ENTRY
