// Max pooling with padding and overlapping windows, and the mean over a map; maps are NHWC.
#include "columns.cuh"

struct Window {
    int kernel, stride, padding;
};

__device__ __forceinline__ int at_least(int a, int b) { return a > b ? a : b; }
__device__ __forceinline__ int at_most(int a, int b) { return a < b ? a : b; }

// A pixel's place. Division by 32 bits is several times faster, and rows of more than 32 bits are rare.
struct Place {
    i64 image;
    int y, x;

    __device__ __forceinline__ Place(i64 row, int height, int width) {
        if (row >> 32 == 0) {
            const u32 line = u32(row) / u32(width);
            x = int(u32(row) % u32(width));
            y = int(line % u32(height));
            image = line / u32(height);
        } else {
            const i64 line = row / width;
            x = int(row % width);
            y = int(line % height);
            image = line / height;
        }
    }
};

// y [B, OH, OW, C] and in index the place ky kernel + kx of the largest value in its window: the first of equals, and
// the last NaN. A byte is enough, and a quarter of the traffic of a pixel number.
template <typename T, int N>
__device__ void max_pool(T *y, u8 *index, const T *x, i64 images, int height, int width, int channels, int out_height,
                         int out_width, Window win) {
    const int col = column<N>();
    each_row<N, 1>(images * out_height * out_width, channels, col, [&](i64 row, i64 at) {
        const Place out(row, out_height, out_width);
        const T *image = x + out.image * height * width * channels + col;
        const int y0 = out.y * win.stride - win.padding, x0 = out.x * win.stride - win.padding;
        const int top = at_least(0, -y0), bottom = at_most(win.kernel, height - y0);
        const int left = at_least(0, -x0), right = at_most(win.kernel, width - x0);
        Acc<T> best[N];
        Pack<u8, N> place;
        load<N>(best, image + (i64(y0 + top) * width + x0 + left) * channels);
#pragma unroll
        for (int i = 0; i < N; ++i) place.v[i] = u8(top * win.kernel + left);
        for (int ky = top; ky < bottom; ++ky) {
            for (int kx = left; kx < right; ++kx) {
                Acc<T> v[N];
                load<N>(v, image + (i64(y0 + ky) * width + x0 + kx) * channels);
#pragma unroll
                for (int i = 0; i < N; ++i) {
                    if (v[i] > best[i] || v[i] != v[i]) {
                        best[i] = v[i];
                        place.v[i] = u8(ky * win.kernel + kx);
                    }
                }
            }
        }
        store<N>(y + at, best);
        if (index) *reinterpret_cast<Pack<u8, N> *>(index + at) = place;
    });
}

// Every input pixel gathers from the windows over it, in the order of the windows: no atomics.
template <typename T, int N>
__device__ void max_pool_grad(T *dx, const T *dy, const u8 *index, i64 images, int height, int width, int channels,
                              int out_height, int out_width, Window win) {
    const int col = column<N>();
    each_row<N, 1>(images * height * width, channels, col, [&](i64 row, i64 at) {
        const Place in(row, height, width);
        const int px = in.x + win.padding, py = in.y + win.padding;
        const i64 image = in.image * out_height * out_width * channels + col;
        const int first_y = at_least(0, (py - win.kernel + win.stride) / win.stride);
        const int first_x = at_least(0, (px - win.kernel + win.stride) / win.stride);
        const int last_y = at_most(out_height - 1, py / win.stride), last_x = at_most(out_width - 1, px / win.stride);
        Acc<T> sum[N] = {};
        for (int oy = first_y; oy <= last_y; ++oy) {
            for (int ox = first_x; ox <= last_x; ++ox) {
                const i64 from = image + (i64(oy) * out_width + ox) * channels;
                const u8 here = u8((py - oy * win.stride) * win.kernel + px - ox * win.stride);
                const Pack<u8, N> place = *reinterpret_cast<const Pack<u8, N> *>(index + from);
                Acc<T> g[N];
                load<N>(g, dy + from);
#pragma unroll
                for (int i = 0; i < N; ++i) {
                    if (place.v[i] == here) sum[i] += g[i];
                }
            }
        }
        store<N>(dx + at, sum);
    });
}

// partial = sum(x) by image and split.
template <typename T, int N>
__device__ void avg_sums(Acc<T> *partial, const T *x, i64 images, i64 rows, int channels) {
    column_sums<N, 1>(partial, images, rows, channels, column<N>(), [&](i64 at, Acc<T>(&sum)[1][N]) {
        Acc<T> v[N];
        load<N>(v, x + at);
#pragma unroll
        for (int i = 0; i < N; ++i) sum[0][i] += v[i];
    });
}

template <typename A>
__device__ void avg_mean(A *y, const A *partial, i64 images, i64 splits, i64 rows, int channels) {
    const int ch = blockIdx.x * blockDim.x + threadIdx.x;
    for (i64 image = blockIdx.y; image < images; image += gridDim.y) {
        double sum[1];
        combine<1>(sum, channels, splits, [&](int c, i64 i, double(&s)[1]) {
            s[0] += double(partial[(image * splits + i) * channels + c]);
        });
        if (threadIdx.y == 0 && ch < channels) y[image * channels + ch] = A(sum[0] / double(rows));
        __syncthreads();
    }
}

// dx = dy / rows for every pixel of the image; blockIdx.z strides over images.
template <typename T, int N>
__device__ void avg_grad(T *dx, const Acc<T> *dy, i64 images, i64 rows, int channels) {
    const int col = column<N>();
    if (col >= channels) return;
    for (i64 image = blockIdx.z; image < images; image += gridDim.z) {
        Acc<T> g[N];
        gather<N>(g, dy + image * channels + col);
#pragma unroll
        for (int i = 0; i < N; ++i) g[i] /= Acc<T>(rows);
        each_row<N>(rows, channels, col, [&](i64, i64 at) { store<N>(dx + image * rows * channels + at, g); });
    }
}

#define ENTRY(NAME, T, N)                                                                                              \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        max_pool_##NAME(T *y, u8 *index, const T *x, i64 images, int height, int width, int channels, int out_height,  \
                        int out_width, int kernel, int stride, int padding) {                                          \
        max_pool<T, N>(y, index, x, images, height, width, channels, out_height, out_width,                            \
                       Window{kernel, stride, padding});                                                               \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        max_pool_grad_##NAME(T *dx, const T *dy, const u8 *index, i64 images, int height, int width, int channels,     \
                             int out_height, int out_width, int kernel, int stride, int padding) {                     \
        max_pool_grad<T, N>(dx, dy, index, images, height, width, channels, out_height, out_width,                     \
                            Window{kernel, stride, padding});                                                          \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        avg_pool_sums_##NAME(Acc<T> *partial, const T *x, i64 images, i64 rows, int channels) {                        \
        avg_sums<T, N>(partial, x, images, rows, channels);                                                            \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        avg_pool_grad_##NAME(T *dx, const Acc<T> *dy, i64 images, i64 rows, int channels) {                            \
        avg_grad<T, N>(dx, dy, images, rows, channels);                                                                \
    }
FOR_MAPS(ENTRY)
#undef ENTRY

#define ENTRY(NAME, A)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        avg_pool_mean_##NAME(A *y, const A *partial, i64 images, i64 splits, i64 rows, int channels) {                 \
        avg_mean<A>(y, partial, images, splits, rows, channels);                                                       \
    }
FOR_PARAMS(ENTRY)
