/* SPDX-License-Identifier: Apache-2.0 */
/* Multiples of the generator from a table. */
#ifndef PSI_BASE_H
#define PSI_BASE_H

#include "group.h"
#include "scalar.h"

/* Fills the table; must have returned once before the first multiplication. */
void psi_base_prepare(void);

/* s*G, one doubling short. Constant time. */
ge_doubled psi_base_multiply(scalar s);

#endif
