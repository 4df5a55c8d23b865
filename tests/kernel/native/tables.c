/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the tables of every kernel as blind_fixed does, then spoils one bit after the other: each
 * must be found. Prints one line; a status other than 0 is a failure.
 */
#include "fixed.h"
#include "kernel.h"

#include <stdio.h>

static int spoiled(const table_kind *kind, unsigned bits) {
    psi_status status = PSI_GOOD;
    const void *kept = psi_table_acquire(kind, psi_generator, &status);
    uint8_t *table = aligned_alloc(64, (kind->size + 63) / 64 * 64);
    int missed = kept == NULL || table == NULL;
    if (missed) return 1;
    memcpy(table, kept, kind->size);
    if (!psi_table_is_right(kind, table, psi_generator)) missed++;
    for (unsigned i = 0; i < bits; i++) {
        /* the low 40 bits of a limb are used in every layout */
        uint8_t *limb = table + 8 * ((size_t)i * 104729 % (kind->size / 8));
        limb[i % 5] ^= (uint8_t)(1 << i % 8);
        if (psi_table_is_right(kind, table, psi_generator)) missed++;
        limb[i % 5] ^= (uint8_t)(1 << i % 8);
    }
    psi_table_release(kept);
    free(table);
    return missed;
}

int main(void) {
    int missed = spoiled(&psi_table_portable, 16);
#ifdef PSI_LANES
    if (psi_kernel_find("avx512ifma") != NULL) missed += spoiled(&psi_table_avx512ifma, 16);
#endif
    printf("missed: %d\n", missed);
    return missed != 0;
}
