// KL(target || softmax(logits)) of rows [B, N]: value and gradient in one launch, one block to a row.
#include "rows.cuh"

// row_loss[row] = sum(target (ln target - ln softmax(logits))), grad = its gradient / rows (grad may be null).
// row_fault[row] = 1 where the target is no distribution: a negative value, or a sum off 1 by more than `tolerance`.
template <typename T>
__device__ void rows_kl(T *grad, Acc<T> *row_loss, int *row_fault, const T *logits, const Acc<T> *target, i64 rows,
                        i64 n, double tolerance) {
    typedef Acc<T> A;
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *z = logits + row * n;
        const A *t = target + row * n;
        const A norm = block_log_sum_exp<A>(n, [&](i64 i) { return wide(z[i]); });
        A mine = A(0), my_loss = A(0);
        int negative = 0;
        for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
            mine += t[i];
            negative |= t[i] < A(0);
            if (t[i] > A(0)) my_loss += t[i] * (logarithm(t[i]) - (wide(z[i]) - norm));
        }
        const A mass = block_sum(mine);
        const A loss = block_sum(my_loss);
        const int negatives = block_sum(negative);
        const A share = A(1) / A(rows);
        for (i64 i = threadIdx.x; grad && i < n; i += blockDim.x) {
            narrow(grad[row * n + i], (exponential(wide(z[i]) - norm) * mass - t[i]) * share);
        }
        if (threadIdx.x == 0) {
            row_loss[row] = loss;
            // Written so that a NaN is a fault.
            row_fault[row] = negatives > 0 || !(fabs(double(mass) - 1.0) <= tolerance);
        }
    }
}

// loss = mean of row_loss; fault = the first row with one, or -1. One block.
template <typename A>
__device__ void total(A *loss, i64 *fault, const A *row_loss, const int *row_fault, i64 rows) {
    const double sum = block_total(row_loss, rows);
    if (threadIdx.x != 0) return;
    *loss = A(sum / double(rows));
    *fault = -1;
    for (i64 row = rows - 1; row >= 0; --row) {
        if (row_fault[row]) *fault = row;
    }
}

#define ENTRY(NAME, T)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        softmax_kl_rows_##NAME(T *grad, Acc<T> *row_loss, int *row_fault, const T *logits, const Acc<T> *target,       \
                               i64 rows, i64 n, double tolerance) {                                                    \
        rows_kl<T>(grad, row_loss, row_fault, logits, target, rows, n, tolerance);                                     \
    }
FOR_TYPES(ENTRY)
#undef ENTRY

#define ENTRY(NAME, A)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        softmax_kl_total_##NAME(A *loss, i64 *fault, const A *row_loss, const int *row_fault, i64 rows) {              \
        total<A>(loss, fault, row_loss, row_fault, rows);                                                              \
    }
FOR_PARAMS(ENTRY)
