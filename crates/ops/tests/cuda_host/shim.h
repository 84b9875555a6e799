// Runs a CUDA kernel on the host, one block after another, every thread of a block as a fiber. Given to g++ with
// -include in front of a `.cu` file of this crate.
//
// __syncthreads() hands over to the scheduler, which goes on when every thread has arrived. It stops the program when
// threads wait at different barriers, or when one ends while another waits. The order of threads between two barriers
// is the caller's choice: a kernel without races gives the same bits in every order.
#pragma once
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ucontext.h>
#include <vector>

#define __device__
#define __global__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __syncthreads() host::barrier(__LINE__)

struct Index {
    unsigned x, y, z;
};
static Index threadIdx, blockIdx, blockDim, gridDim;

static inline unsigned __float_as_uint(float x) {
    unsigned bits;
    memcpy(&bits, &x, 4);
    return bits;
}
static inline float __uint_as_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
static inline float __int_as_float(int bits) { return __uint_as_float(unsigned(bits)); }

namespace host {

static const size_t STACK = 1 << 16;

struct Fiber {
    ucontext_t start;
    jmp_buf at;
    std::unique_ptr<char[]> stack{new char[STACK]};
    Index index;
    int line;
    bool begun, done;
};

// x86-64 (System V): pointers and whole numbers go into six registers, the rest of them onto the stack; the first
// eight doubles go into registers of their own. So this one signature calls every kernel of at most that many.
typedef void (*Any)(long, long, long, long, long, long, double, double, double, double, double, double, double, double,
                    long, long, long, long, long, long, long, long, long, long, long, long);

// A context is used for the first entry only: swapcontext saves the signal mask, two system calls a switch.
static jmp_buf scheduler;
static Fiber *running;
static Any kernel;
static long whole[18];
static double real[8];

static inline void barrier(int line) {
    running->line = line;
    if (!_setjmp(running->at)) _longjmp(scheduler, 1);
}

static void body() {
    const long *w = whole;
    const double *d = real;
    kernel(w[0], w[1], w[2], w[3], w[4], w[5], d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], w[6], w[7], w[8], w[9],
           w[10], w[11], w[12], w[13], w[14], w[15], w[16], w[17]);
    running->done = true;
    _longjmp(scheduler, 1);
}

static void go_on(Fiber &fiber) {
    running = &fiber;
    threadIdx = fiber.index;
    if (_setjmp(scheduler)) return;
    if (fiber.begun) _longjmp(fiber.at, 1);
    fiber.begun = true;
    setcontext(&fiber.start);
}

static void run_block(std::vector<Fiber> &fibers, bool backwards) {
    const size_t count = fibers.size();
    for (size_t i = 0; i < count; ++i) {
        Fiber &fiber = fibers[i];
        fiber.index = {unsigned(i % blockDim.x), unsigned(i / blockDim.x % blockDim.y),
                       unsigned(i / (blockDim.x * blockDim.y))};
        fiber.begun = fiber.done = false;
        getcontext(&fiber.start);
        fiber.start.uc_stack.ss_sp = fiber.stack.get();
        fiber.start.uc_stack.ss_size = STACK;
        fiber.start.uc_link = nullptr;
        makecontext(&fiber.start, body, 0);
    }
    for (bool all_done = false; !all_done;) {
        for (size_t i = 0; i < count; ++i) go_on(fibers[backwards ? count - 1 - i : i]);
        all_done = fibers[0].done;
        for (const Fiber &fiber : fibers) {
            if (fiber.done != all_done || (!all_done && fiber.line != fibers[0].line)) {
                fprintf(stderr, "threads of one block wait at different barriers\n");
                abort();
            }
        }
    }
}

} // namespace host

// Runs `kernel` for the whole grid. `order` 1: the last thread and the last block first.
extern "C" void launch(void *kernel, const long *whole, int wholes, const double *real, int reals, const unsigned *grid,
                       const unsigned *block, int order) {
    if (wholes > 18 || reals > 8) abort();
    host::kernel = reinterpret_cast<host::Any>(kernel);
    memcpy(host::whole, whole, sizeof(long) * wholes);
    memcpy(host::real, real, sizeof(double) * reals);
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    static std::vector<host::Fiber> fibers;
    fibers.resize(size_t(block[0]) * block[1] * block[2]);
    const long blocks = long(grid[0]) * grid[1] * grid[2];
    for (long i = 0; i < blocks; ++i) {
        const long at = order ? blocks - 1 - i : i;
        blockIdx = {unsigned(at % grid[0]), unsigned(at / grid[0] % grid[1]), unsigned(at / grid[0] / grid[1])};
        host::run_block(fibers, order != 0);
    }
}
