// The kernel with what every machine of its kind has.
#define LANES 2
#define NAME portable
#define KERNEL_NAME "portable"
#include "kernel.h"
