/* SPDX-License-Identifier: Apache-2.0 */
/* Multiples of the generator, or another point, from a table. */
#ifndef PSI_BASE_H
#define PSI_BASE_H

#include "group.h"
#include "scalar.h"

#define BASE_ROWS 32
#define BASE_COLUMNS 8

/* j * 256^i * P for j = 1..8 and i = 0..31. */
typedef struct {
    ge_affine rows[BASE_ROWS][BASE_COLUMNS];
} base_table;

void psi_base_build(base_table *table, ge p);

/* s*P. Constant time in s. */
ge psi_base_product(const base_table *table, scalar s);

/* Fills the table of the generator; must have returned once before the first multiplication. */
void psi_base_prepare(void);

/* s*G, one doubling short. Constant time. */
ge_doubled psi_base_multiply(scalar s);

#endif
