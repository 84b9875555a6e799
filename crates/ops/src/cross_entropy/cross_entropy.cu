// -ln softmax(logits)[label] of rows [B, N]: value and gradient in one launch, one block to a row.
#include "rows.cuh"

// row_loss[row] = -ln softmax(logits)[label], grad = its gradient / rows (grad may be null). row_fault[row] = 1 where
// the label is N or more; nothing is read out of bounds then.
template <typename T>
__device__ void rows_ce(T *grad, Acc<T> *row_loss, int *row_fault, const T *logits, const u32 *labels, i64 rows,
                        i64 n) {
    typedef Acc<T> A;
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *z = logits + row * n;
        const i64 label = labels[row];
        const A norm = block_log_sum_exp<A>(n, [&](i64 i) { return wide(z[i]); });
        const A share = A(1) / A(rows);
        for (i64 i = threadIdx.x; grad && i < n; i += blockDim.x) {
            const A p = exponential(wide(z[i]) - norm) * share;
            narrow(grad[row * n + i], i == label ? p - share : p);
        }
        if (threadIdx.x == 0) {
            row_fault[row] = label >= n;
            row_loss[row] = label < n ? norm - wide(z[label]) : A(0);
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
        cross_entropy_rows_##NAME(T *grad, Acc<T> *row_loss, int *row_fault, const T *logits, const u32 *labels,       \
                                  i64 rows, i64 n) {                                                                   \
        rows_ce<T>(grad, row_loss, row_fault, logits, labels, rows, n);                                                \
    }
FOR_TYPES(ENTRY)
#undef ENTRY

#define ENTRY(NAME, A)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        cross_entropy_total_##NAME(A *loss, i64 *fault, const A *row_loss, const int *row_fault, i64 rows) {           \
        total<A>(loss, fault, row_loss, row_fault, rows);                                                              \
    }
FOR_PARAMS(ENTRY)
