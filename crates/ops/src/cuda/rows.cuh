// Work on matrices whose rows are handled by one block each (1D blocks, a power of two of at most MAX_THREADS).
#pragma once
#include "common.cuh"

// The sum over the block, the same in every thread; the order of additions is fixed.
template <typename A> __device__ __forceinline__ A block_sum(A value) {
    __shared__ A slots[MAX_THREADS];
    slots[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) slots[threadIdx.x] += slots[threadIdx.x + half];
        __syncthreads();
    }
    const A total = slots[0];
    __syncthreads();
    return total;
}

// sum(exp(z)) as exp(top) * rest, so that it never overflows.
template <typename A> struct LogSum {
    A top;
    A rest;

    __device__ __forceinline__ void add(LogSum other) {
        if (other.top > top) {
            const LogSum swap = other;
            other = *this;
            *this = swap;
        }
        // Nothing to add where both are empty, whose difference would be NaN; a NaN comes through.
        if (!(other.top == -infinity<A>())) rest += other.rest * exponential(other.top - top);
    }

    __device__ __forceinline__ void add(A z) { add(LogSum{z, A(1)}); }

    __device__ __forceinline__ A log() const { return top + logarithm(rest); }
};

template <typename A> __device__ __forceinline__ LogSum<A> empty_log_sum() { return LogSum<A>{-infinity<A>(), A(0)}; }

// ln(sum(exp(z(i)))) for i below n over the block, the same in every thread. -infinity where all z are.
template <typename A, typename Z> __device__ __forceinline__ A block_log_sum_exp(i64 n, Z z) {
    __shared__ A tops[MAX_THREADS];
    __shared__ A rests[MAX_THREADS];
    LogSum<A> mine = empty_log_sum<A>();
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) mine.add(z(i));
    tops[threadIdx.x] = mine.top;
    rests[threadIdx.x] = mine.rest;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            mine.add(LogSum<A>{tops[threadIdx.x + half], rests[threadIdx.x + half]});
            tops[threadIdx.x] = mine.top;
            rests[threadIdx.x] = mine.rest;
        }
        __syncthreads();
    }
    const A result = LogSum<A>{tops[0], rests[0]}.log();
    __syncthreads();
    return result;
}

// Sum of `count` values times `factor`, by one block, in double: the last stage of a loss.
template <typename A> __device__ __forceinline__ double block_total(const A *values, i64 count) {
    double mine = 0.0;
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) mine += double(values[i]);
    return block_sum(mine);
}
