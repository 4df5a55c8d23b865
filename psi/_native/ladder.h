/* SPDX-License-Identifier: Apache-2.0 */
/* Multiplication by secret scalars: an x-only ladder of fixed length (README.md, "Ladder"). */
#ifndef PSI_LADDER_H
#define PSI_LADDER_H

#include "group.h"
#include "scalar.h"

/*
 * A scalar prepared for the ladder: half of it mod l, for the encoding doubles. The ladder fails
 * for 0 and for l - 2 (then Q + P is the identity); both run as 2 and are set right by the masks.
 */
typedef struct {
    uint64_t half[4], is_zero, negate;
} multiplier;

multiplier psi_multiplier(scalar k);

/* k*p, one doubling short. Constant time in k and p. */
ge_doubled psi_ladder(montgomery p, const multiplier *k);

/* Affine Montgomery coordinates of n Edwards points with one inversion; `scratch` has 2n places. */
void psi_montgomery_of(montgomery *out, const ge *p, fe *scratch, size_t n);

#endif
