/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes of hashing.h for groups of at most eight texts, i .. i + n - 1. */
#ifndef PSI_VEC_HASHING_H
#define PSI_VEC_HASHING_H

#include "hashing.h"
#include "vec_scalar.h"
#include "vec_sha512.h"

/* 64 bytes a row. `m` is scratch of the caller's, who wipes it. */
void psi_v_expand(messages8 *m, const expander *e, uint8_t *uniform, const psi_texts *texts,
                  size_t i, size_t n);

/* Rows of 64 uniform bytes to r_j. */
scalar8 psi_v_derive_blinds(messages8 *m, const psi_blinds *blinds, size_t i,
                            const uint8_t *uniform, size_t n);

/* Rows of 32 bytes to rows of 64. */
void psi_v_output(messages8 *m, uint8_t *output, const psi_texts *texts, size_t i,
                  const uint8_t *elements, size_t n);

/* rho_i .. of the batched proof. */
void psi_v_weights(messages8 *m, scalar *rho, const sha512 *seeded, size_t i, size_t n);

#endif
