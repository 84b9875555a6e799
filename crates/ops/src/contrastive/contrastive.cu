// The contrastive loss of the MICCAI 2020 paper (Eq. 2) with a clamped margin, over embeddings [B, D]; f32 and f64.
//
// Order of launches: matmul three times (sims [B, 3 B]: frames, speech, hard speech), rows (sims become their
// gradients in place), total; matmul six times (the gradients of the embeddings).
#include "matmul.cuh"
#include "rows.cuh"

// By row: the loss, whether the margin was clamped, and the gradient of the loss in place of the sims. The frame's
// product with itself takes no part; its gradient is 0.
template <typename A>
__device__ void rows_contrastive(A *sims, A *row_loss, int *row_clamped, i64 b, double min_margin) {
    const A least = A(min_margin), share = A(1) / A(b);
    for (i64 i = blockIdx.x; i < b; i += gridDim.x) {
        A *row = sims + i * 3 * b;
        const A norm =
            block_log_sum_exp<A>(3 * b, [&](i64 j) { return j == i ? -infinity<A>() : row[j]; });
        const A positive = row[b + i];
        const A margin = positive - row[2 * b + i];
        const bool clamped = margin < least;
        // 1 - exp(-margin), without losing digits where the margin is small.
        const A gap = -exponential_minus_1(-larger(margin, least));
        const A pull = clamped ? A(0) : share * (A(1) - gap) / gap;
        // Every thread has read what it needs of the positive and the hard negative before they are overwritten.
        __syncthreads();
        for (i64 j = threadIdx.x; j < 3 * b; j += blockDim.x) {
            A g = j == i ? A(0) : share * exponential(row[j] - norm);
            if (j == b + i) g -= share + pull;
            if (j == 2 * b + i) g += pull;
            row[j] = g;
        }
        if (threadIdx.x == 0) {
            row_loss[i] = share * (norm - positive - logarithm(gap));
            row_clamped[i] = clamped;
        }
    }
}

// One block.
template <typename A>
__device__ void total(A *loss, i64 *clamped, const A *row_loss, const int *row_clamped, i64 b) {
    const double value = block_total(row_loss, b);
    const double count = block_total(row_clamped, b);
    if (threadIdx.x != 0) return;
    *loss = A(value);
    *clamped = i64(count);
}

#define ENTRY(NAME, A)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(TILE *TILE)                                                           \
        contrastive_matmul_##NAME(A *c, i64 c_row, const A *a, i64 a_row, i64 a_col, const A *b, i64 b_row, i64 b_col, \
                                  i64 m, i64 k, i64 n, int add) {                                                      \
        tiled_matmul<A>(c, c_row, a, a_row, a_col, b, b_row, b_col, m, k, n, A(1), add != 0);                          \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        contrastive_rows_##NAME(A *sims, A *row_loss, int *row_clamped, i64 b, double min_margin) {                    \
        rows_contrastive<A>(sims, row_loss, row_clamped, b, min_margin);                                               \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        contrastive_total_##NAME(A *loss, i64 *clamped, const A *row_loss, const int *row_clamped, i64 b) {            \
        total<A>(loss, clamped, row_loss, row_clamped, b);                                                             \
    }
FOR_PARAMS(ENTRY)
