// A small tiled product of matrices for the losses over embeddings, where a call into cuBLAS would need a second
// library handle and give an order of additions that depends on its heuristics. B x B x D is far from a hot spot.
#pragma once
#include "common.cuh"

#define TILE 16

// c[m, n] = (add ? c : 0) + factor * a b with a(i, k) = a[i a_row + k a_col], b(k, j) = b[k b_row + j b_col] and
// c(i, j) = c[i c_row + j]. 16 x 16 threads; blockIdx.x strides over tiles of columns, blockIdx.y over tiles of rows.
template <typename A>
__device__ __forceinline__ void tiled_matmul(A *c, i64 c_row, const A *a, i64 a_row, i64 a_col, const A *b, i64 b_row,
                                             i64 b_col, i64 m, i64 k, i64 n, A factor, bool add) {
    // One column more than a tile, so that a column of it lies in different banks.
    __shared__ A left[TILE][TILE + 1];
    __shared__ A right[TILE][TILE + 1];
    const int tx = threadIdx.x, ty = threadIdx.y;
    for (i64 row0 = i64(blockIdx.y) * TILE; row0 < m; row0 += i64(gridDim.y) * TILE) {
        for (i64 col0 = i64(blockIdx.x) * TILE; col0 < n; col0 += i64(gridDim.x) * TILE) {
            A sum = A(0);
            for (i64 k0 = 0; k0 < k; k0 += TILE) {
                left[ty][tx] = row0 + ty < m && k0 + tx < k ? a[(row0 + ty) * a_row + (k0 + tx) * a_col] : A(0);
                right[ty][tx] = k0 + ty < k && col0 + tx < n ? b[(k0 + ty) * b_row + (col0 + tx) * b_col] : A(0);
                __syncthreads();
#pragma unroll
                for (int i = 0; i < TILE; ++i) sum = fused(left[ty][i], right[i][tx], sum);
                __syncthreads();
            }
            if (row0 + ty < m && col0 + tx < n) {
                A *to = c + (row0 + ty) * c_row + col0 + tx;
                *to = add ? *to + factor * sum : factor * sum;
            }
        }
    }
}
