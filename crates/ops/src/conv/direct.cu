// Convolution of NHWC maps as its definition has it, one output to a thread: slow, and right for every size and type.
//
// For what cuDNN does not take (f64 maps in NHWC), and as the reference that cuDNN is tested against on a card. Weights
// and their gradient are the parameters, [O, C / groups, KH, KW]. Sums are in the accumulator's type, in a fixed order.
#include "common.cuh"

struct Shape {
    i64 images;
    int height, width, channels, outputs, kernel_h, kernel_w, out_height, out_width, stride, padding, dilation, groups;
};

template <typename T> __device__ void forward(T *y, const T *x, const Acc<T> *w, Shape s) {
    const int in_group = s.channels / s.groups, out_group = s.outputs / s.groups;
    const i64 total = s.images * s.out_height * s.out_width * s.outputs;
    for (i64 at = i64(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += i64(gridDim.x) * blockDim.x) {
        const int o = int(at % s.outputs);
        i64 rest = at / s.outputs;
        const int ox = int(rest % s.out_width);
        rest /= s.out_width;
        const int oy = int(rest % s.out_height);
        const T *image = x + rest / s.out_height * s.height * s.width * s.channels + o / out_group * in_group;
        Acc<T> sum = Acc<T>(0);
        for (int ky = 0; ky < s.kernel_h; ++ky) {
            const int iy = oy * s.stride + ky * s.dilation - s.padding;
            for (int kx = 0; kx < s.kernel_w; ++kx) {
                const int ix = ox * s.stride + kx * s.dilation - s.padding;
                if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
                const T *pixel = image + (i64(iy) * s.width + ix) * s.channels;
                for (int c = 0; c < in_group; ++c) {
                    const i64 weight = ((i64(o) * in_group + c) * s.kernel_h + ky) * s.kernel_w + kx;
                    sum = fused(wide(pixel[c]), w[weight], sum);
                }
            }
        }
        narrow(y[at], sum);
    }
}

template <typename T> __device__ void input_grad(T *dx, const T *dy, const Acc<T> *w, Shape s) {
    const int in_group = s.channels / s.groups, out_group = s.outputs / s.groups;
    const i64 total = s.images * s.height * s.width * s.channels;
    for (i64 at = i64(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += i64(gridDim.x) * blockDim.x) {
        const int c = int(at % s.channels);
        i64 rest = at / s.channels;
        const int ix = int(rest % s.width);
        rest /= s.width;
        const int iy = int(rest % s.height);
        const int first = c / in_group * out_group;
        const T *image = dy + rest / s.height * s.out_height * s.out_width * s.outputs + first;
        Acc<T> sum = Acc<T>(0);
        for (int ky = 0; ky < s.kernel_h; ++ky) {
            const int y = iy + s.padding - ky * s.dilation;
            if (y < 0 || y % s.stride != 0 || y / s.stride >= s.out_height) continue;
            for (int kx = 0; kx < s.kernel_w; ++kx) {
                const int x = ix + s.padding - kx * s.dilation;
                if (x < 0 || x % s.stride != 0 || x / s.stride >= s.out_width) continue;
                const T *pixel = image + (i64(y / s.stride) * s.out_width + x / s.stride) * s.outputs;
                for (int o = 0; o < out_group; ++o) {
                    const i64 weight = ((i64(first + o) * in_group + c % in_group) * s.kernel_h + ky) * s.kernel_w + kx;
                    sum = fused(wide(pixel[o]), w[weight], sum);
                }
            }
        }
        narrow(dx[at], sum);
    }
}

template <typename T> __device__ void weight_grad(Acc<T> *dw, const T *dy, const T *x, Shape s) {
    const int in_group = s.channels / s.groups, out_group = s.outputs / s.groups;
    const i64 total = i64(s.outputs) * in_group * s.kernel_h * s.kernel_w;
    for (i64 at = i64(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += i64(gridDim.x) * blockDim.x) {
        const int kx = int(at % s.kernel_w);
        i64 rest = at / s.kernel_w;
        const int ky = int(rest % s.kernel_h);
        rest /= s.kernel_h;
        const int o = int(rest / in_group);
        const int c = o / out_group * in_group + int(rest % in_group);
        Acc<T> sum = Acc<T>(0);
        for (i64 image = 0; image < s.images; ++image) {
            for (int oy = 0; oy < s.out_height; ++oy) {
                const int iy = oy * s.stride + ky * s.dilation - s.padding;
                if (iy < 0 || iy >= s.height) continue;
                for (int ox = 0; ox < s.out_width; ++ox) {
                    const int ix = ox * s.stride + kx * s.dilation - s.padding;
                    if (ix < 0 || ix >= s.width) continue;
                    const i64 from = ((image * s.height + iy) * s.width + ix) * s.channels + c;
                    const i64 to = ((image * s.out_height + oy) * s.out_width + ox) * s.outputs + o;
                    sum = fused(wide(x[from]), wide(dy[to]), sum);
                }
            }
        }
        dw[at] = sum;
    }
}

#define SHAPE                                                                                                          \
    i64 images, int height, int width, int channels, int outputs, int kernel_h, int kernel_w, int out_height,          \
        int out_width, int stride, int padding, int dilation, int groups
#define SHAPE_VALUE                                                                                                    \
    Shape {                                                                                                            \
        images, height, width, channels, outputs, kernel_h, kernel_w, out_height, out_width, stride, padding,          \
            dilation, groups                                                                                           \
    }

#define ENTRY(NAME, T)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        conv_forward_##NAME(T *y, const T *x, const Acc<T> *w, SHAPE) {                                                \
        forward<T>(y, x, w, SHAPE_VALUE);                                                                              \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        conv_input_grad_##NAME(T *dx, const T *dy, const Acc<T> *w, SHAPE) {                                           \
        input_grad<T>(dx, dy, w, SHAPE_VALUE);                                                                         \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS)                                                          \
        conv_weight_grad_##NAME(Acc<T> *dw, const T *dy, const T *x, SHAPE) {                                          \
        weight_grad<T>(dw, dy, x, SHAPE_VALUE);                                                                        \
    }
FOR_TYPES(ENTRY)
