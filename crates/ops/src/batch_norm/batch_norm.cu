// Batch normalisation of maps [rows, C] (NHWC, rows = B H W), fused with residual and ReLU.
//
// Values are normalised as (x - mean) scale + bias with scale = weight / sqrt(var + eps): subtracting first keeps the
// digits that x scale + (bias - mean scale) loses where the mean is far from zero.
#include "columns.cuh"

// Where a ReLU lets a gradient through.
enum Mask {
    MASK_NONE = 0,
    // The output is kept: it is above zero.
    MASK_FROM_OUTPUT = 1,
    // No residual was added: the output is computed again from x, which is read anyway.
    MASK_FROM_INPUT = 2,
};

template <typename A> __device__ __forceinline__ A normalised(A x, A mean, A scale, A bias) {
    return fused(x - mean, scale, bias);
}

// partial[0] = sum(x - centre), partial[1] = sum((x - centre)^2) by image and split, centre = the first pixel. One pass
// is careful enough: the centre is a value of the channel, so it is a few standard deviations from the mean.
template <typename T, int N>
__device__ void sums(Acc<T> *partial, Acc<T> *centre, const T *x, i64 images, i64 rows, int channels) {
    const int col = column<N>();
    Acc<T> c[N] = {};
    if (col < channels) load<N>(c, x + col);
    if (col < channels && blockIdx.y == 0 && blockIdx.z == 0 && threadIdx.y == 0) {
        for (int i = 0; i < N; ++i) centre[col + i] = c[i];
    }
    column_sums<N, 2>(partial, images, rows, channels, col, [&](i64 at, Acc<T>(&sum)[2][N]) {
        Acc<T> v[N];
        load<N>(v, x + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const Acc<T> d = v[i] - c[i];
            sum[0][i] += d;
            sum[1][i] = fused(d, d, sum[1][i]);
        }
    });
}

// mean, 1 / sqrt(biased variance + eps) and scale of each channel, from `parts` partial sums of `count` pixels in all;
// mixes mean and unbiased variance into the running statistics where these are given.
template <typename A>
__device__ void train(A *mean, A *inv_std, A *scale, A *running_mean, A *running_var, const A *partial, const A *centre,
                      const A *weight, i64 parts, double count, double eps, double momentum, int channels) {
    double sum[2];
    combine<2>(sum, channels, parts, [&](int ch, i64 i, double(&s)[2]) {
        s[0] += double(partial[i * channels + ch]);
        s[1] += double(partial[(parts + i) * channels + ch]);
    });
    const int ch = blockIdx.x * blockDim.x + threadIdx.x;
    if (threadIdx.y != 0 || ch >= channels) return;
    const double from_centre = sum[0] / count;
    const double m = double(centre[ch]) + from_centre;
    const double spread = sum[1] / count - from_centre * from_centre;
    // Rounding may leave a constant channel a hair below zero; a NaN stays.
    const double var = spread < 0.0 ? 0.0 : spread;
    const double inv = 1.0 / sqrt(var + eps);
    mean[ch] = A(m);
    inv_std[ch] = A(inv);
    scale[ch] = A(double(weight[ch]) * inv);
    if (running_mean) {
        running_mean[ch] = A((1.0 - momentum) * double(running_mean[ch]) + momentum * m);
        running_var[ch] = A((1.0 - momentum) * double(running_var[ch]) + momentum * var * (count / (count - 1.0)));
    }
}

template <typename A>
__device__ void eval(A *inv_std, A *scale, const A *running_var, const A *weight, double eps, int channels) {
    const int ch = blockIdx.x * blockDim.x + threadIdx.x;
    if (ch >= channels) return;
    const double inv = 1.0 / sqrt(double(running_var[ch]) + eps);
    inv_std[ch] = A(inv);
    scale[ch] = A(double(weight[ch]) * inv);
}

template <typename T, int N>
__device__ void apply(T *y, const T *x, const T *residual, const Acc<T> *mean, const Acc<T> *scale, const Acc<T> *bias,
                      i64 rows, int channels, int relu) {
    const int col = column<N>();
    if (col >= channels) return;
    Acc<T> m[N], s[N], b[N];
    gather<N>(m, mean + col);
    gather<N>(s, scale + col);
    gather<N>(b, bias + col);
    each_row<N>(rows, channels, col, [&](i64, i64 at) {
        Acc<T> v[N], r[N] = {};
        load<N>(v, x + at);
        if (residual) load<N>(r, residual + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            v[i] = normalised(v[i], m[i], s[i], b[i]);
            if (residual) v[i] += r[i];
            if (relu) v[i] = larger(v[i], Acc<T>(0));
        }
        store<N>(y + at, v);
    });
}

// The gradient behind the ReLU, for one pixel and N channels.
template <typename T, int N>
__device__ __forceinline__ void masked(Acc<T> (&g)[N], const T *dy, const T *y, const Acc<T> (&x)[N],
                                       const Acc<T> (&m)[N], const Acc<T> (&s)[N], const Acc<T> (&b)[N], i64 at,
                                       int mask) {
    Acc<T> out[N] = {};
    load<N>(g, dy + at);
    if (mask == MASK_FROM_OUTPUT) load<N>(out, y + at);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        if (mask == MASK_FROM_INPUT) out[i] = normalised(x[i], m[i], s[i], b[i]);
        if (mask != MASK_NONE && out[i] <= Acc<T>(0)) g[i] = Acc<T>(0);
    }
}

// partial[0] = sum(g), partial[1] = sum(g (x - mean)) by split.
template <typename T, int N>
__device__ void grad_sums(Acc<T> *partial, const T *dy, const T *x, const T *y, const Acc<T> *mean, const Acc<T> *scale,
                          const Acc<T> *bias, i64 rows, int channels, int mask) {
    const int col = column<N>();
    Acc<T> m[N] = {}, s[N] = {}, b[N] = {};
    if (col < channels) {
        gather<N>(m, mean + col);
        gather<N>(s, scale + col);
        gather<N>(b, bias + col);
    }
    column_sums<N, 2>(partial, 1, rows, channels, col, [&](i64 at, Acc<T>(&sum)[2][N]) {
        Acc<T> v[N], g[N];
        load<N>(v, x + at);
        masked<T, N>(g, dy, y, v, m, s, b, at, mask);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            sum[0][i] += g[i];
            sum[1][i] = fused(g[i], v[i] - m[i], sum[1][i]);
        }
    });
}

// Gradients of weight and bias, and k1, k2 of dx = scale g + k1 + k2 (x - mean); both 0 in evaluation, where the
// statistics do not depend on x.
template <typename A>
__device__ void grad(A *dweight, A *dbias, A *k1, A *k2, const A *partial, const A *inv_std, const A *scale, i64 parts,
                     double count, int channels, int training) {
    double sum[2];
    combine<2>(sum, channels, parts, [&](int ch, i64 i, double(&s)[2]) {
        s[0] += double(partial[i * channels + ch]);
        s[1] += double(partial[(parts + i) * channels + ch]);
    });
    const int ch = blockIdx.x * blockDim.x + threadIdx.x;
    if (threadIdx.y != 0 || ch >= channels) return;
    const double inv = double(inv_std[ch]);
    const double share = training ? double(scale[ch]) / count : 0.0;
    dbias[ch] = A(sum[0]);
    dweight[ch] = A(sum[1] * inv);
    k1[ch] = A(-share * sum[0]);
    k2[ch] = A(-share * sum[1] * inv * inv);
}

template <typename T, int N>
__device__ void grad_input(T *dx, T *dresidual, const T *dy, const T *x, const T *y, const Acc<T> *mean,
                           const Acc<T> *scale, const Acc<T> *bias, const Acc<T> *k1, const Acc<T> *k2, i64 rows,
                           int channels, int mask) {
    const int col = column<N>();
    if (col >= channels) return;
    Acc<T> m[N], s[N], b[N], c1[N], c2[N];
    gather<N>(m, mean + col);
    gather<N>(s, scale + col);
    gather<N>(b, bias + col);
    gather<N>(c1, k1 + col);
    gather<N>(c2, k2 + col);
    each_row<N>(rows, channels, col, [&](i64, i64 at) {
        Acc<T> v[N], g[N];
        load<N>(v, x + at);
        masked<T, N>(g, dy, y, v, m, s, b, at, mask);
        if (dresidual) store<N>(dresidual + at, g);
#pragma unroll
        for (int i = 0; i < N; ++i) v[i] = fused(g[i], s[i], fused(c2[i], v[i] - m[i], c1[i]));
        if (dx) store<N>(dx + at, v);
    });
}

#define ENTRY(NAME, T, N)                                                                                              \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        bn_sums_##NAME(Acc<T> *partial, Acc<T> *centre, const T *x, i64 images, i64 rows, int channels) {              \
        sums<T, N>(partial, centre, x, images, rows, channels);                                                        \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        bn_apply_##NAME(T *y, const T *x, const T *residual, const Acc<T> *mean, const Acc<T> *scale,                  \
                        const Acc<T> *bias, i64 rows, int channels, int relu) {                                        \
        apply<T, N>(y, x, residual, mean, scale, bias, rows, channels, relu);                                          \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        bn_grad_sums_##NAME(Acc<T> *partial, const T *dy, const T *x, const T *y, const Acc<T> *mean,                  \
                            const Acc<T> *scale, const Acc<T> *bias, i64 rows, int channels, int mask) {               \
        grad_sums<T, N>(partial, dy, x, y, mean, scale, bias, rows, channels, mask);                                   \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        bn_grad_input_##NAME(T *dx, T *dresidual, const T *dy, const T *x, const T *y, const Acc<T> *mean,             \
                             const Acc<T> *scale, const Acc<T> *bias, const Acc<T> *k1, const Acc<T> *k2, i64 rows,    \
                             int channels, int mask) {                                                                 \
        grad_input<T, N>(dx, dresidual, dy, x, y, mean, scale, bias, k1, k2, rows, channels, mask);                    \
    }
FOR_MAPS(ENTRY)
#undef ENTRY

#define ENTRY(NAME, A)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        bn_train_##NAME(A *mean, A *inv_std, A *scale, A *running_mean, A *running_var, const A *partial,              \
                        const A *centre, const A *weight, i64 parts, double count, double eps, double momentum,        \
                        int channels) {                                                                                \
        train<A>(mean, inv_std, scale, running_mean, running_var, partial, centre, weight, parts, count, eps,          \
                 momentum, channels);                                                                                  \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        bn_eval_##NAME(A *inv_std, A *scale, const A *running_var, const A *weight, double eps, int channels) {        \
        eval<A>(inv_std, scale, running_var, weight, eps, channels);                                                   \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        bn_grad_##NAME(A *dweight, A *dbias, A *k1, A *k2, const A *partial, const A *inv_std, const A *scale,         \
                       i64 parts, double count, int channels, int training) {                                          \
        grad<A>(dweight, dbias, k1, k2, partial, inv_std, scale, parts, count, channels, training);                    \
    }
FOR_PARAMS(ENTRY)
