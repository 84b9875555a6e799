// Weights between the parameters' order [O, I, K] (K = KH KW) and the order of maps, [O, K, I], which NHWC
// convolutions of cuDNN want; from the parameters' type to that of the maps and back.
#include "common.cuh"

// to[o, k, i] = from[o, i, k].
template <typename T> __device__ void to_maps(T *to, const Acc<T> *from, i64 outputs, int inputs, int taps) {
    const i64 total = outputs * inputs * taps;
    for (i64 at = i64(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += i64(gridDim.x) * blockDim.x) {
        const int i = int(at % inputs);
        const i64 rest = at / inputs;
        const int k = int(rest % taps);
        narrow(to[at], from[(rest / taps * inputs + i) * taps + k]);
    }
}

// to[o, i, k] = from[o, k, i].
template <typename T> __device__ void from_maps(Acc<T> *to, const T *from, i64 outputs, int inputs, int taps) {
    const i64 total = outputs * inputs * taps;
    for (i64 at = i64(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += i64(gridDim.x) * blockDim.x) {
        const int k = int(at % taps);
        const i64 rest = at / taps;
        const int i = int(rest % inputs);
        to[at] = wide(from[(rest / inputs * taps + k) * inputs + i]);
    }
}

#define ENTRY(NAME, T)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        weights_to_maps_##NAME(T *to, const Acc<T> *from, i64 outputs, int inputs, int taps) {                         \
        to_maps<T>(to, from, outputs, inputs, taps);                                                                   \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        weights_from_maps_##NAME(Acc<T> *to, const T *from, i64 outputs, int inputs, int taps) {                       \
        from_maps<T>(to, from, outputs, inputs, taps);                                                                 \
    }
FOR_TYPES(ENTRY)
