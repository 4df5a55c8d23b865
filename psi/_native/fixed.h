/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of multiples of points that stay the same for a while: the generator, a server's public
 * key (docs/protocol.md section 2.2). Points and tables are public; what is looked up is not.
 */
#ifndef PSI_FIXED_H
#define PSI_FIXED_H

#include "group.h"
#include "kernel.h"
#include "scalar.h"

/* Encoded, RFC 9496 section 4.1. */
extern const uint8_t psi_generator[PSI_ELEMENT];

/* How a kernel lays out its tables. */
typedef struct {
    size_t size; /* bytes */
    size_t entries;
    void (*build)(void *table, ge point);
    /* Entry i, and how many times the point it is. */
    ge_affine (*entry)(const void *table, size_t i);
    scalar (*multiple)(size_t i);
} table_kind;

extern const table_kind psi_table_portable, psi_table_avx512ifma;

/*
 * The table of an element, made and checked unless it is there already. NULL with a status of
 * PSI_NO_MEMORY, or PSI_FAULT if it comes out wrong. To be released by the same caller.
 */
const void *psi_table_acquire(const table_kind *kind, const uint8_t element[PSI_ELEMENT],
                              psi_status *status);
void psi_table_release(const void *table);

/*
 * Whether a linear combination of all entries, with coefficients of 32 bits that depend on the
 * element, is the multiple that it should be: one wrong entry would make silent false negatives.
 */
int psi_table_is_right(const table_kind *kind, const void *table,
                       const uint8_t element[PSI_ELEMENT]);

#endif
