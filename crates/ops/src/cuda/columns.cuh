// Work on maps [images, rows, C] (NHWC: rows are the H x W pixels of an image) by channel.
//
// A block is blockDim.x columns of N channels by blockDim.y rows (blockDim.y a power of two, at most MAX_THREADS
// threads in all). blockIdx.x chooses the columns. A thread keeps its channels through the whole kernel, so that what
// belongs to a channel is loaded once; neighbouring threads hold neighbouring channels, so that loads are coalesced.
#pragma once
#include "common.cuh"

template <int N> __device__ __forceinline__ int column() { return int(blockIdx.x * blockDim.x + threadIdx.x) * N; }

// Calls each(row, offset) for all rows of the map, grid-stride over blockIdx.y; UNROLL rows at a time, so that their
// loads are under way together.
template <int N, int UNROLL = 4, typename Each>
__device__ __forceinline__ void each_row(i64 rows, int channels, int col, Each each) {
    if (col >= channels) return;
    const i64 step = i64(gridDim.y) * blockDim.y;
#pragma unroll UNROLL
    for (i64 row = i64(blockIdx.y) * blockDim.y + threadIdx.y; row < rows; row += step) each(row, row * channels + col);
}

// K sums a channel, over the rows of each image: partial[k][image][split][channel].
//
// each(offset, sums) adds one pixel. blockIdx.y strides over images; blockIdx.z takes one of gridDim.z even pieces of
// the rows. The order of additions follows from the shape and the launch alone.
template <int N, int K, typename A, typename Each>
__device__ __forceinline__ void column_sums(A *partial, i64 images, i64 rows, int channels, int col, Each each) {
    __shared__ A slots[K * N * MAX_THREADS];
    const int threads = blockDim.x * blockDim.y;
    const int me = threadIdx.y * blockDim.x + threadIdx.x;
    const i64 splits = gridDim.z;
    const i64 piece = (rows + splits - 1) / splits;
    const i64 begin = blockIdx.z * piece;
    const i64 end = begin + piece < rows ? begin + piece : rows;
    for (i64 image = blockIdx.y; image < images; image += gridDim.y) {
        A sums[K][N] = {};
        if (col < channels) {
#pragma unroll 4
            for (i64 row = begin + threadIdx.y; row < end; row += blockDim.y) {
                each((image * rows + row) * channels + col, sums);
            }
        }
#pragma unroll
        for (int k = 0; k < K; ++k) {
#pragma unroll
            for (int i = 0; i < N; ++i) slots[(k * N + i) * threads + me] = sums[k][i];
        }
        __syncthreads();
        for (int half = blockDim.y / 2; half > 0; half /= 2) {
            if (threadIdx.y < half) {
#pragma unroll
                for (int s = 0; s < K * N; ++s) slots[s * threads + me] += slots[s * threads + me + half * blockDim.x];
            }
            __syncthreads();
        }
        if (threadIdx.y == 0 && col < channels) {
#pragma unroll
            for (int k = 0; k < K; ++k) {
#pragma unroll
                for (int i = 0; i < N; ++i) {
                    partial[((k * images + image) * splits + blockIdx.z) * channels + col + i] =
                        slots[(k * N + i) * threads + me];
                }
            }
        }
        __syncthreads();
    }
}

// Second stage: one channel to each of blockDim.x threads of a row, blockDim.y of which share the addends. Calls
// each(channel, addend) for `count` addends, K sums in double (f32 addends are exact in it). The result is valid in
// threads with threadIdx.y == 0.
template <int K, typename Each>
__device__ __forceinline__ void combine(double (&sums)[K], int channels, i64 count, Each each) {
    __shared__ double slots[K * MAX_THREADS];
    const int threads = blockDim.x * blockDim.y;
    const int me = threadIdx.y * blockDim.x + threadIdx.x;
    const int channel = blockIdx.x * blockDim.x + threadIdx.x;
#pragma unroll
    for (int k = 0; k < K; ++k) sums[k] = 0.0;
    if (channel < channels) {
#pragma unroll 4
        for (i64 i = threadIdx.y; i < count; i += blockDim.y) each(channel, i, sums);
    }
#pragma unroll
    for (int k = 0; k < K; ++k) slots[k * threads + me] = sums[k];
    __syncthreads();
    for (int half = blockDim.y / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) {
#pragma unroll
            for (int k = 0; k < K; ++k) slots[k * threads + me] += slots[k * threads + me + half * blockDim.x];
        }
        __syncthreads();
    }
#pragma unroll
    for (int k = 0; k < K; ++k) sums[k] = slots[k * threads + threadIdx.x];
}
