// The kernel for AVX2: four doubles at a time. Elsewhere it is the portable one, and never chosen.
// Headers come before the target: their functions belong to every file.
#include "image.h"

#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#elif defined(__x86_64__)
#pragma GCC target("avx2")
#endif
#define LANES 4
#define NAME avx2
#define KERNEL_NAME "avx2"
#include "kernel.h"
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute pop
#endif
