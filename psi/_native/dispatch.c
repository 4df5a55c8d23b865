/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels this CPU can run. The only file that asks the CPU. */
#include "kernel.h"

#include <string.h>

struct candidate {
    const struct psi_kernel *kernel;
    int (*runs_here)(void);
};

static int always(void) { return 1; }

/* Fastest first. */
static const struct candidate candidates[] = {
    {&psi_kernel_portable, always},
};

const struct psi_kernel *psi_kernel_at(size_t i) {
    for (size_t c = 0; c < sizeof candidates / sizeof candidates[0]; c++) {
        if (!candidates[c].runs_here()) continue;
        if (i-- == 0) return candidates[c].kernel;
    }
    return NULL;
}

const struct psi_kernel *psi_kernel_find(const char *name) {
    const struct psi_kernel *kernel;
    for (size_t i = 0; (kernel = psi_kernel_at(i)) != NULL; i++)
        if (strcmp(kernel->name, name) == 0) return kernel;
    return NULL;
}
