/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of the portable kernel, as kernel.h describes them. */
#ifndef PSI_OPRF_H
#define PSI_OPRF_H

#include "kernel.h"

psi_status psi_uniform_bytes_portable(uint8_t *out, const psi_texts *texts, uint8_t mode);
psi_status psi_element_from_uniform_portable(uint8_t *out, const uint8_t *uniform, size_t n);
psi_status psi_hash_to_group_portable(uint8_t *out, const psi_texts *texts, uint8_t mode);
psi_status psi_check_elements_portable(const uint8_t *elements, size_t n);
psi_status psi_blind_portable(uint8_t *out, const psi_texts *texts, uint8_t mode,
                              const psi_blinds *blinds);
psi_status psi_blind_scalars_portable(uint8_t *out, const psi_texts *texts, uint8_t mode,
                                      const psi_blinds *blinds);
psi_status psi_finalize_portable(uint8_t *out, size_t length, const psi_texts *texts, uint8_t mode,
                                 const psi_blinds *blinds, const uint8_t *evaluated);
psi_status psi_evaluate_portable(uint8_t *out, const uint8_t *elements, size_t n,
                                 const uint8_t *k);
psi_status psi_table_tags_portable(uint8_t *out, size_t length, const psi_texts *texts,
                                   uint8_t mode, const uint8_t *k);
psi_status psi_mul_portable(uint8_t *out, const uint8_t *elements, const uint8_t *scalars,
                            size_t n);
psi_status psi_mul_base_portable(uint8_t *out, const uint8_t *scalars, size_t n);
psi_status psi_add_portable(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n);
psi_status psi_blind_fixed_portable(uint8_t *out, const psi_texts *texts, uint8_t mode,
                                    const psi_blinds *blinds);
psi_status psi_finalize_fixed_portable(uint8_t *out, size_t length, const psi_texts *texts,
                                       uint8_t mode, const psi_blinds *blinds,
                                       const uint8_t *evaluated, const uint8_t *public_key);
psi_status psi_mul_fixed_portable(uint8_t *out, const uint8_t *element, const uint8_t *scalars,
                                  size_t n);
psi_status psi_weighted_sums_portable(uint8_t *m, uint8_t *z, const uint8_t *c, const uint8_t *d,
                                      size_t n, const uint8_t *seed);
psi_status psi_weighted_sum_portable(uint8_t *out, const uint8_t *elements, const uint8_t *scalars,
                                     size_t n);

#endif
