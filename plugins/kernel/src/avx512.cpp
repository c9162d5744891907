// The kernel for AVX-512: eight doubles at a time. Elsewhere it is the portable one, and never chosen.
// Headers come before the target: their functions belong to every file.
#include "image.h"

#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), apply_to = function)
#elif defined(__x86_64__)
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw")
#endif
#define LANES 8
#define NAME avx512
#define KERNEL_NAME "avx512"
#include "kernel.h"
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute pop
#endif
