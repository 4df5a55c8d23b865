/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of the AVX-512 IFMA kernel, as kernel.h describes them. */
#ifndef PSI_VEC_OPERATIONS_H
#define PSI_VEC_OPERATIONS_H

#include "kernel.h"

psi_status psi_evaluate_avx512ifma(uint8_t *out, const uint8_t *elements, size_t n,
                                   const uint8_t *k);
psi_status psi_mul_avx512ifma(uint8_t *out, const uint8_t *elements, const uint8_t *scalars,
                              size_t n);

#endif
