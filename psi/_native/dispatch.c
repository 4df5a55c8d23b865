/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels this CPU can run. The only file that asks the CPU. */
#include "kernel.h"

#include <string.h>

#if defined(__x86_64__) && !defined(PSI_PLAIN_LANES)
#include <cpuid.h>
#endif

struct candidate {
    const struct psi_kernel *kernel;
    int (*runs_here)(void);
};

static int always(void) { return 1; }

#if defined(PSI_PLAIN_LANES)
static int avx512ifma(void) { return 1; }
#elif defined(__x86_64__)
/* What the operating system saves when it switches threads; only after OSXSAVE was seen. */
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static int avx512ifma(void) {
    const uint32_t osxsave = bit_OSXSAVE; /* leaf 1, ecx */
    const uint32_t wanted =               /* leaf 7, ebx */
        bit_AVX512F | bit_AVX512DQ | bit_AVX512IFMA | bit_AVX512BW | bit_AVX512VL;
    const uint64_t registers = 0xe6; /* SSE, AVX, mask registers, both parts of AVX-512 */
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & osxsave)) return 0;
    if ((saved_state() & registers) != registers) return 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & wanted) == wanted;
}
#endif

/* Fastest first. */
static const struct candidate candidates[] = {
#ifdef PSI_LANES
    {&psi_kernel_avx512ifma, avx512ifma},
#endif
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
