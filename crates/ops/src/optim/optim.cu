// One step over all parameters in one launch, and the Euclidean length of all gradients together.
//
// Parameters, gradients and state are f32 or f64 (the master copies of a bf16 network are f32). Every block takes one
// chunk of one tensor; chunks are cut by length alone, so sums do not depend on the device.
#include "rows.cuh"

// One tensor; `state` holds the velocity (SGD) or the two means (AdamW). 48 bytes, laid out as in optim/cuda.rs.
struct Row {
    void *param;
    const void *grad;
    void *state0;
    void *state1;
    i64 len;
    double decay;
};

// Where a chunk starts: 16 bytes.
struct Chunk {
    i64 row;
    i64 start;
};

// Elements of a chunk.
#define CHUNK 16384

// Calls each(chunk, row, first, last) for the chunks of this block.
template <typename Each>
__device__ __forceinline__ void each_chunk(const Row *rows, const Chunk *chunks, i64 count, Each each) {
    for (i64 i = blockIdx.x; i < count; i += gridDim.x) {
        const Row row = rows[chunks[i].row];
        const i64 first = chunks[i].start;
        const i64 last = first + CHUNK < row.len ? first + CHUNK : row.len;
        each(i, row, first, last);
    }
}

// The factor on the gradients: the host's, times the one that clipping left on the device, where there is one.
__device__ __forceinline__ double factor(double scale, const double *clip) { return clip ? scale * *clip : scale; }

// g = scale grad + decay p; u = momentum u + g; p = p - lr u.
template <typename A>
__device__ void sgd(const Row *rows, const Chunk *chunks, i64 count, double lr_, double momentum_, double scale_,
                    const double *clip) {
    const A lr = A(lr_), momentum = A(momentum_), scale = A(factor(scale_, clip));
    each_chunk(rows, chunks, count, [&](i64, const Row &row, i64 first, i64 last) {
        A *p = static_cast<A *>(row.param);
        const A *grad = static_cast<const A *>(row.grad);
        A *u = static_cast<A *>(row.state0);
        const A decay = A(row.decay);
        for (i64 i = first + threadIdx.x; i < last; i += blockDim.x) {
            const A next = momentum * u[i] + (scale * grad[i] + decay * p[i]);
            u[i] = next;
            p[i] -= lr * next;
        }
    });
}

// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p = (1 - lr decay) p - rate m / (root_scale sqrt(v) + eps), with
// rate = lr / (1 - b1^t) and root_scale = 1 / sqrt(1 - b2^t).
template <typename A>
__device__ void adamw(const Row *rows, const Chunk *chunks, i64 count, double lr, double rate_, double root_scale_,
                      double beta1, double beta2, double eps_, double scale_, const double *clip) {
    const A rate = A(rate_), root_scale = A(root_scale_), eps = A(eps_), scale = A(factor(scale_, clip));
    const A b1 = A(beta1), b2 = A(beta2), new1 = A(1.0 - beta1), new2 = A(1.0 - beta2);
    each_chunk(rows, chunks, count, [&](i64, const Row &row, i64 first, i64 last) {
        A *p = static_cast<A *>(row.param);
        const A *grad = static_cast<const A *>(row.grad);
        A *m = static_cast<A *>(row.state0);
        A *v = static_cast<A *>(row.state1);
        const A keep = A(1.0 - lr * row.decay);
        for (i64 i = first + threadIdx.x; i < last; i += blockDim.x) {
            const A g = scale * grad[i];
            const A mean = b1 * m[i] + new1 * g;
            const A square = b2 * v[i] + new2 * (g * g);
            m[i] = mean;
            v[i] = square;
            p[i] = keep * p[i] - rate * mean / (root_scale * root(square) + eps);
        }
    });
}

// partial[chunk] = the sum of squares of its gradients.
template <typename A> __device__ void norm_sums(double *partial, const Row *rows, const Chunk *chunks, i64 count) {
    each_chunk(rows, chunks, count, [&](i64 chunk, const Row &row, i64 first, i64 last) {
        const A *grad = static_cast<const A *>(row.grad);
        double mine = 0.0;
        for (i64 i = first + threadIdx.x; i < last; i += blockDim.x) {
            const double g = double(grad[i]);
            mine = fma(g, g, mine);
        }
        const double sum = block_sum(mine);
        if (threadIdx.x == 0) partial[chunk] = sum;
    });
}

// out[0] = the length of scale times the gradients, out[1] = the factor that brings it down to max_norm (1 where it is
// shorter, or no number). One block.
extern "C" __global__ void __launch_bounds__(MAX_THREADS)
    grad_norm_total(double *out, const double *partial, i64 count, double scale, double max_norm) {
    const double norm = scale * sqrt(block_total(partial, count));
    if (threadIdx.x != 0) return;
    out[0] = norm;
    out[1] = fmin(max_norm / (norm + 1e-6), 1.0);
}

#define ENTRY(NAME, A)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        sgd_##NAME(const Row *rows, const Chunk *chunks, i64 count, double lr, double momentum, double scale,          \
                   const double *clip) {                                                                               \
        sgd<A>(rows, chunks, count, lr, momentum, scale, clip);                                                        \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        adamw_##NAME(const Row *rows, const Chunk *chunks, i64 count, double lr, double rate, double root_scale,       \
                     double beta1, double beta2, double eps, double scale, const double *clip) {                       \
        adamw<A>(rows, chunks, count, lr, rate, root_scale, beta1, beta2, eps, scale, clip);                           \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        grad_norm_sums_##NAME(double *partial, const Row *rows, const Chunk *chunks, i64 count) {                      \
        norm_sums<A>(partial, rows, chunks, count);                                                                    \
    }
FOR_PARAMS(ENTRY)
