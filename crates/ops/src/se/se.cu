// The end of a squeeze-and-excitation bottleneck on maps [B, rows, C] (NHWC, rows = H W): relu(x gate + residual) with
// one gate to an image and channel; and the same with the batch normalisation before it in the same passes.
//
// Gates, their gradients and the pooled means are of the accumulator's type.
#include "columns.cuh"

// Calls each(image, at) for all pixels: blockIdx.z strides over images, blockIdx.y over rows; begin(image) runs once an
// image, before its pixels.
template <int N, typename Begin, typename Each>
__device__ __forceinline__ void each_pixel(i64 images, i64 rows, int channels, int col, Begin begin, Each each) {
    for (i64 image = blockIdx.z; image < images; image += gridDim.z) {
        begin(image * channels + col);
        each_row<N>(rows, channels, col, [&](i64, i64 at) { each(image * rows * channels + at); });
    }
}

// The gradient behind the ReLU: dout where out is above zero (out <= 0 stops it, so NaN passes, as on the CPU).
template <typename T, int N>
__device__ __forceinline__ void masked(Acc<T> (&g)[N], const T *dout, const T *out, i64 at) {
    Acc<T> o[N];
    load<N>(g, dout + at);
    load<N>(o, out + at);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        if (o[i] <= Acc<T>(0)) g[i] = Acc<T>(0);
    }
}

template <typename T, int N>
__device__ void apply(T *out, const T *x, const Acc<T> *gate, const T *residual, i64 images, i64 rows, int channels) {
    const int col = column<N>();
    if (col >= channels) return;
    Acc<T> s[N];
    each_pixel<N>(
        images, rows, channels, col, [&](i64 at) { gather<N>(s, gate + at); },
        [&](i64 at) {
            Acc<T> v[N], r[N];
            load<N>(v, x + at);
            load<N>(r, residual + at);
#pragma unroll
            for (int i = 0; i < N; ++i) v[i] = larger(fused(v[i], s[i], r[i]), Acc<T>(0));
            store<N>(out + at, v);
        });
}

// partial = sum(g x) by image and split: the gradient of the gate, once the splits are added up.
template <typename T, int N>
__device__ void grad_sums(Acc<T> *partial, const T *dout, const T *out, const T *x, i64 images, i64 rows,
                          int channels) {
    column_sums<N, 1>(partial, images, rows, channels, column<N>(), [&](i64 at, Acc<T>(&sum)[1][N]) {
        Acc<T> g[N], v[N];
        masked<T, N>(g, dout, out, at);
        load<N>(v, x + at);
#pragma unroll
        for (int i = 0; i < N; ++i) sum[0][i] = fused(g[i], v[i], sum[0][i]);
    });
}

// dgate[image, channel] = the sum of its splits. blockIdx.y strides over images.
template <typename A> __device__ void gate_grad(A *dgate, const A *partial, i64 images, i64 splits, int channels) {
    const int ch = blockIdx.x * blockDim.x + threadIdx.x;
    for (i64 image = blockIdx.y; image < images; image += gridDim.y) {
        double sum[1];
        combine<1>(sum, channels, splits, [&](int c, i64 i, double(&s)[1]) {
            s[0] += double(partial[(image * splits + i) * channels + c]);
        });
        if (threadIdx.y == 0 && ch < channels) dgate[image * channels + ch] = A(sum[0]);
        __syncthreads();
    }
}

template <typename T, int N>
__device__ void grad_input(T *dx, T *dresidual, const T *dout, const T *out, const Acc<T> *gate, i64 images, i64 rows,
                           int channels) {
    const int col = column<N>();
    if (col >= channels) return;
    Acc<T> s[N];
    each_pixel<N>(
        images, rows, channels, col, [&](i64 at) { gather<N>(s, gate + at); },
        [&](i64 at) {
            Acc<T> g[N];
            masked<T, N>(g, dout, out, at);
            if (dresidual) store<N>(dresidual + at, g);
#pragma unroll
            for (int i = 0; i < N; ++i) g[i] *= s[i];
            if (dx) store<N>(dx + at, g);
        });
}

// From bn_sums by image: centred[image, channel] = mean over pixels of (x - mean), and pooled = centred scale + bias,
// the mean of the normalised image, which the squeeze wants.
template <typename A>
__device__ void bn_pool(A *pooled, A *centred, const A *partial, const A *centre, const A *mean, const A *scale,
                        const A *bias, i64 images, i64 splits, i64 rows, int channels) {
    const int ch = blockIdx.x * blockDim.x + threadIdx.x;
    for (i64 image = blockIdx.y; image < images; image += gridDim.y) {
        double sum[1];
        combine<1>(sum, channels, splits, [&](int c, i64 i, double(&s)[1]) {
            s[0] += double(partial[(image * splits + i) * channels + c]);
        });
        if (threadIdx.y == 0 && ch < channels) {
            const double c = double(centre[ch]) - double(mean[ch]) + sum[0] / double(rows);
            centred[image * channels + ch] = A(c);
            pooled[image * channels + ch] = A(c * double(scale[ch]) + double(bias[ch]));
        }
        __syncthreads();
    }
}

// out = relu(((x - mean) scale + bias) gate + residual).
template <typename T, int N>
__device__ void bn_apply(T *out, const T *x, const Acc<T> *gate, const T *residual, const Acc<T> *mean,
                         const Acc<T> *scale, const Acc<T> *bias, i64 images, i64 rows, int channels) {
    const int col = column<N>();
    if (col >= channels) return;
    Acc<T> m[N], s[N], b[N], gs[N], gb[N];
    gather<N>(m, mean + col);
    gather<N>(s, scale + col);
    gather<N>(b, bias + col);
    each_pixel<N>(
        images, rows, channels, col,
        [&](i64 at) {
            gather<N>(gs, gate + at);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                gb[i] = gs[i] * b[i];
                gs[i] *= s[i];
            }
        },
        [&](i64 at) {
            Acc<T> v[N], r[N];
            load<N>(v, x + at);
            load<N>(r, residual + at);
#pragma unroll
            for (int i = 0; i < N; ++i) v[i] = larger(fused(v[i] - m[i], gs[i], gb[i] + r[i]), Acc<T>(0));
            store<N>(out + at, v);
        });
}

// partial[0] = sum(g), partial[1] = sum(g (x - mean)) by image and split.
template <typename T, int N>
__device__ void bn_grad_sums(Acc<T> *partial, const T *dout, const T *out, const T *x, const Acc<T> *mean, i64 images,
                             i64 rows, int channels) {
    const int col = column<N>();
    Acc<T> m[N] = {};
    if (col < channels) gather<N>(m, mean + col);
    column_sums<N, 2>(partial, images, rows, channels, col, [&](i64 at, Acc<T>(&sum)[2][N]) {
        Acc<T> g[N], v[N];
        masked<T, N>(g, dout, out, at);
        load<N>(v, x + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            sum[0][i] += g[i];
            sum[1][i] = fused(g[i], v[i] - m[i], sum[1][i]);
        }
    });
}

// s0, s1 [images, channels] = the sums of the splits, and dgate = sum(g normalised) = scale s1 + bias s0.
template <typename A>
__device__ void bn_gate_grad(A *s0, A *s1, A *dgate, const A *partial, const A *scale, const A *bias, i64 images,
                             i64 splits, int channels) {
    const int ch = blockIdx.x * blockDim.x + threadIdx.x;
    for (i64 image = blockIdx.y; image < images; image += gridDim.y) {
        double sum[2];
        combine<2>(sum, channels, splits, [&](int c, i64 i, double(&s)[2]) {
            s[0] += double(partial[(image * splits + i) * channels + c]);
            s[1] += double(partial[((images + image) * splits + i) * channels + c]);
        });
        if (threadIdx.y == 0 && ch < channels) {
            const i64 at = image * channels + ch;
            s0[at] = A(sum[0]);
            s1[at] = A(sum[1]);
            dgate[at] = A(double(scale[ch]) * sum[1] + double(bias[ch]) * sum[0]);
        }
        __syncthreads();
    }
}

// The gradient of the normalised image is g gate + dpooled / rows (the pooled mean feeds the gate). Its sums give
// dbias and dweight, and with them k1 [images, channels] and k2 [channels] of
// dx = g gate scale + k1 + k2 (x - mean).
template <typename A>
__device__ void bn_grad(A *dweight, A *dbias, A *k1, A *k2, const A *s0, const A *s1, const A *gate, const A *dpooled,
                        const A *centred, const A *inv_std, const A *scale, i64 images, i64 rows, int channels,
                        int training) {
    double sum[2];
    combine<2>(sum, channels, images, [&](int c, i64 image, double(&s)[2]) {
        const i64 at = image * channels + c;
        const double weight = double(gate[at]), pooled = double(dpooled[at]);
        s[0] += weight * double(s0[at]) + pooled;
        s[1] += weight * double(s1[at]) + pooled * double(centred[at]);
    });
    const int ch = blockIdx.x * blockDim.x + threadIdx.x;
    if (ch >= channels) return;
    const double inv = double(inv_std[ch]), s = double(scale[ch]);
    const double share = training ? s / (double(images) * double(rows)) : 0.0;
    if (threadIdx.y == 0) {
        dbias[ch] = A(sum[0]);
        dweight[ch] = A(sum[1] * inv);
        k2[ch] = A(-share * sum[1] * inv * inv);
    }
    for (i64 image = threadIdx.y; image < images; image += blockDim.y) {
        const i64 at = image * channels + ch;
        k1[at] = A(s * double(dpooled[at]) / double(rows) - share * sum[0]);
    }
}

template <typename T, int N>
__device__ void bn_grad_input(T *dx, T *dresidual, const T *dout, const T *out, const T *x, const Acc<T> *gate,
                              const Acc<T> *mean, const Acc<T> *scale, const Acc<T> *k1, const Acc<T> *k2, i64 images,
                              i64 rows, int channels) {
    const int col = column<N>();
    if (col >= channels) return;
    Acc<T> m[N], s[N], c2[N], k0[N], c1[N];
    gather<N>(m, mean + col);
    gather<N>(s, scale + col);
    gather<N>(c2, k2 + col);
    each_pixel<N>(
        images, rows, channels, col,
        [&](i64 at) {
            gather<N>(k0, gate + at);
            gather<N>(c1, k1 + at);
#pragma unroll
            for (int i = 0; i < N; ++i) k0[i] *= s[i];
        },
        [&](i64 at) {
            Acc<T> g[N], v[N];
            masked<T, N>(g, dout, out, at);
            load<N>(v, x + at);
            if (dresidual) store<N>(dresidual + at, g);
#pragma unroll
            for (int i = 0; i < N; ++i) v[i] = fused(g[i], k0[i], fused(c2[i], v[i] - m[i], c1[i]));
            if (dx) store<N>(dx + at, v);
        });
}

#define ENTRY(NAME, T, N)                                                                                              \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_apply_##NAME(T *out, const T *x, const Acc<T> *gate, const T *residual, i64 images, i64 rows,               \
                        int channels) {                                                                                \
        apply<T, N>(out, x, gate, residual, images, rows, channels);                                                   \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_grad_sums_##NAME(Acc<T> *partial, const T *dout, const T *out, const T *x, i64 images, i64 rows,            \
                            int channels) {                                                                            \
        grad_sums<T, N>(partial, dout, out, x, images, rows, channels);                                                \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_grad_input_##NAME(T *dx, T *dresidual, const T *dout, const T *out, const Acc<T> *gate, i64 images,         \
                             i64 rows, int channels) {                                                                 \
        grad_input<T, N>(dx, dresidual, dout, out, gate, images, rows, channels);                                      \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_bn_apply_##NAME(T *out, const T *x, const Acc<T> *gate, const T *residual, const Acc<T> *mean,              \
                           const Acc<T> *scale, const Acc<T> *bias, i64 images, i64 rows, int channels) {              \
        bn_apply<T, N>(out, x, gate, residual, mean, scale, bias, images, rows, channels);                             \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_bn_grad_sums_##NAME(Acc<T> *partial, const T *dout, const T *out, const T *x, const Acc<T> *mean,           \
                               i64 images, i64 rows, int channels) {                                                   \
        bn_grad_sums<T, N>(partial, dout, out, x, mean, images, rows, channels);                                       \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_bn_grad_input_##NAME(T *dx, T *dresidual, const T *dout, const T *out, const T *x, const Acc<T> *gate,      \
                                const Acc<T> *mean, const Acc<T> *scale, const Acc<T> *k1, const Acc<T> *k2,           \
                                i64 images, i64 rows, int channels) {                                                  \
        bn_grad_input<T, N>(dx, dresidual, dout, out, x, gate, mean, scale, k1, k2, images, rows, channels);           \
    }
FOR_MAPS(ENTRY)
#undef ENTRY

#define ENTRY(NAME, A)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_gate_grad_##NAME(A *dgate, const A *partial, i64 images, i64 splits, int channels) {                        \
        gate_grad<A>(dgate, partial, images, splits, channels);                                                        \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_bn_pool_##NAME(A *pooled, A *centred, const A *partial, const A *centre, const A *mean, const A *scale,     \
                          const A *bias, i64 images, i64 splits, i64 rows, int channels) {                             \
        bn_pool<A>(pooled, centred, partial, centre, mean, scale, bias, images, splits, rows, channels);               \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_bn_gate_grad_##NAME(A *s0, A *s1, A *dgate, const A *partial, const A *scale, const A *bias, i64 images,    \
                               i64 splits, int channels) {                                                             \
        bn_gate_grad<A>(s0, s1, dgate, partial, scale, bias, images, splits, channels);                                \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        se_bn_grad_##NAME(A *dweight, A *dbias, A *k1, A *k2, const A *s0, const A *s1, const A *gate,                 \
                          const A *dpooled, const A *centred, const A *inv_std, const A *scale, i64 images, i64 rows,  \
                          int channels, int training) {                                                                \
        bn_grad<A>(dweight, dbias, k1, k2, s0, s1, gate, dpooled, centred, inv_std, scale, images, rows, channels,     \
                   training);                                                                                          \
    }
FOR_PARAMS(ENTRY)
