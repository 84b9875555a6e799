// Symmetric InfoNCE over embeddings [B, D] with hard negatives [B, H, D] as extra columns of the logits
// [B, width = B + H]. f32 and f64: embeddings come from heads, whose arithmetic is not bf16.
//
// Order of launches: unit (three times), matmul and hard (logits), norms, grad, total; backward through the cosines:
// matmul (dv, ds), hard_grad, unit_grad (three times).
#include "matmul.cuh"
#include "rows.cuh"

// Rows of length 1 and what they were divided by; a zero row stays zero instead of becoming NaN.
template <typename A> __device__ void unit(A *rows_out, A *norms, const A *z, i64 rows, i64 d) {
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        A mine = A(0);
        for (i64 i = threadIdx.x; i < d; i += blockDim.x) mine = fused(z[row * d + i], z[row * d + i], mine);
        const A norm = larger(root(block_sum(mine)), A(1e-12));
        for (i64 i = threadIdx.x; i < d; i += blockDim.x) rows_out[row * d + i] = z[row * d + i] / norm;
        if (threadIdx.x == 0) norms[row] = norm;
    }
}

// From the gradient of the unit rows to that of the rows they were made of.
template <typename A>
__device__ void unit_grad(A *dz, const A *dunit, const A *unit, const A *norms, i64 rows, i64 d) {
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        A mine = A(0);
        for (i64 i = threadIdx.x; i < d; i += blockDim.x) mine = fused(dunit[row * d + i], unit[row * d + i], mine);
        const A along = block_sum(mine);
        for (i64 i = threadIdx.x; i < d; i += blockDim.x) {
            dz[row * d + i] = (dunit[row * d + i] - along * unit[row * d + i]) / norms[row];
        }
    }
}

// logits[i, B + h] = exp(log_t) v_i . hard_(i, h); one block to a pair.
template <typename A>
__device__ void hard(A *logits, const A *v, const A *hard, const A *log_t, i64 b, i64 h, i64 d) {
    for (i64 pair = blockIdx.x; pair < b * h; pair += gridDim.x) {
        const i64 i = pair / h;
        A mine = A(0);
        for (i64 k = threadIdx.x; k < d; k += blockDim.x) mine = fused(v[i * d + k], hard[pair * d + k], mine);
        const A dot = block_sum(mine);
        if (threadIdx.x == 0) logits[i * (b + h) + b + pair % h] = exponential(*log_t) * dot;
    }
}

// norms[i] = log-sum-exp of row i, norms[B + i] = that of column i (over the B rows).
template <typename A> __device__ void norms(A *norms, const A *logits, i64 b, i64 width) {
    for (i64 k = blockIdx.x; k < 2 * b; k += gridDim.x) {
        const A norm = k < b ? block_log_sum_exp<A>(width, [&](i64 j) { return logits[k * width + j]; })
                             : block_log_sum_exp<A>(b, [&](i64 i) { return logits[i * width + k - b]; });
        if (threadIdx.x == 0) norms[k] = norm;
    }
}

// dlogits, and by row partial[0] = the loss and partial[1] = dlogits . logits, the gradient of log_t.
template <typename A>
__device__ void grad(A *dlogits, A *partial, const A *logits, const A *norms, i64 b, i64 width) {
    const A half = A(0.5 / double(b));
    for (i64 i = blockIdx.x; i < b; i += gridDim.x) {
        A mine = A(0);
        for (i64 j = threadIdx.x; j < width; j += blockDim.x) {
            const A z = logits[i * width + j];
            A g = half * exponential(z - norms[i]);
            if (j < b) g += half * exponential(z - norms[b + j]);
            if (j == i) g -= half + half;
            dlogits[i * width + j] = g;
            mine = fused(g, z, mine);
        }
        const A along = block_sum(mine);
        if (threadIdx.x == 0) {
            const A z = logits[i * width + i];
            partial[i] = half * (norms[i] + norms[b + i] - z - z);
            partial[b + i] = along;
        }
    }
}

// One block.
template <typename A> __device__ void total(A *loss, A *dlog_t, const A *partial, i64 b) {
    const double value = block_total(partial, b);
    const double along = block_total(partial + b, b);
    if (threadIdx.x != 0) return;
    *loss = A(value);
    *dlog_t = A(along);
}

// dhard[i, h] = t dlogits[i, B + h] v_i, and dv[i] += sum over h of t dlogits[i, B + h] hard_(i, h).
template <typename A>
__device__ void hard_grad(A *dv, A *dhard, const A *dlogits, const A *v, const A *hard, const A *log_t, i64 b, i64 h,
                          i64 d) {
    const A t = exponential(*log_t);
    for (i64 i = blockIdx.x; i < b; i += gridDim.x) {
        for (i64 k = threadIdx.x; k < d; k += blockDim.x) {
            A sum = dv[i * d + k];
            for (i64 j = 0; j < h; ++j) {
                const A g = t * dlogits[i * (b + h) + b + j];
                const i64 at = (i * h + j) * d + k;
                sum = fused(g, hard[at], sum);
                dhard[at] = g * v[i * d + k];
            }
            dv[i * d + k] = sum;
        }
    }
}

#define ENTRY(NAME, A)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        info_nce_unit_##NAME(A *rows_out, A *norms, const A *z, i64 rows, i64 d) {                                     \
        unit<A>(rows_out, norms, z, rows, d);                                                                          \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        info_nce_unit_grad_##NAME(A *dz, const A *dunit, const A *unit, const A *norms, i64 rows, i64 d) {             \
        unit_grad<A>(dz, dunit, unit, norms, rows, d);                                                                 \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(TILE *TILE)                                                           \
        info_nce_matmul_##NAME(A *c, i64 c_row, const A *a, i64 a_row, i64 a_col, const A *b, i64 b_row, i64 b_col,    \
                               i64 m, i64 k, i64 n, const A *log_t) {                                                  \
        tiled_matmul<A>(c, c_row, a, a_row, a_col, b, b_row, b_col, m, k, n, exponential(*log_t), false);              \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        info_nce_hard_##NAME(A *logits, const A *v, const A *hard_rows, const A *log_t, i64 b, i64 h, i64 d) {         \
        hard<A>(logits, v, hard_rows, log_t, b, h, d);                                                                 \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        info_nce_norms_##NAME(A *out, const A *logits, i64 b, i64 width) {                                             \
        norms<A>(out, logits, b, width);                                                                               \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        info_nce_grad_##NAME(A *dlogits, A *partial, const A *logits, const A *norms, i64 b, i64 width) {              \
        grad<A>(dlogits, partial, logits, norms, b, width);                                                            \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        info_nce_total_##NAME(A *loss, A *dlog_t, const A *partial, i64 b) {                                           \
        total<A>(loss, dlog_t, partial, b);                                                                            \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        info_nce_hard_grad_##NAME(A *dv, A *dhard, const A *dlogits, const A *v, const A *hard_rows, const A *log_t,   \
                                  i64 b, i64 h, i64 d) {                                                               \
        hard_grad<A>(dv, dhard, dlogits, v, hard_rows, log_t, b, h, d);                                                \
    }
FOR_PARAMS(ENTRY)
