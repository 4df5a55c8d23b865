/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of kernel.h on several threads. A batch is cut into pieces; the caller works on
 * them and so do the helpers, who take a piece of each batch in turn, so that batches of concurrent
 * callers go on equally fast. The results do not depend on the cutting: a status is that of the
 * first bad row. OVERLAP_THREADS bounds the threads of the process, callers not counted twice.
 */
#ifndef PSI_THREADS_H
#define PSI_THREADS_H

#include "kernel.h"

#define PSI_MOST_THREADS 256

typedef struct psi_kernel kernel_table;

/* Reads OVERLAP_THREADS; 0 if it is set, but not to a whole number from 1 to 256. */
int psi_threads_configure(void);
/* Threads that may work on one batch, the caller's included; returns how many it were before. */
unsigned psi_threads_set_limit(unsigned threads);

psi_status psi_threads_element_from_uniform(const kernel_table *kernel, uint8_t *out,
                                            const uint8_t *uniform, size_t n);
psi_status psi_threads_hash_to_group(const kernel_table *kernel, uint8_t *out,
                                     const psi_texts *texts, uint8_t mode);
psi_status psi_threads_check_elements(const kernel_table *kernel, const uint8_t *elements,
                                      size_t n);
psi_status psi_threads_blind(const kernel_table *kernel, uint8_t *out, const psi_texts *texts,
                             uint8_t mode, const psi_blinds *blinds);
psi_status psi_threads_finalize(const kernel_table *kernel, uint8_t *out, size_t length,
                                const psi_texts *texts, uint8_t mode, const psi_blinds *blinds,
                                const uint8_t *evaluated);
psi_status psi_threads_evaluate(const kernel_table *kernel, uint8_t *out, const uint8_t *elements,
                                size_t n, const uint8_t *k);
psi_status psi_threads_table_tags(const kernel_table *kernel, uint8_t *out, size_t length,
                                  const psi_texts *texts, uint8_t mode, const uint8_t *k);
psi_status psi_threads_blind_fixed(const kernel_table *kernel, uint8_t *out,
                                   const psi_texts *texts, uint8_t mode, const psi_blinds *blinds);
psi_status psi_threads_finalize_fixed(const kernel_table *kernel, uint8_t *out, size_t length,
                                      const psi_texts *texts, uint8_t mode,
                                      const psi_blinds *blinds, const uint8_t *evaluated,
                                      const uint8_t *public_key);
psi_status psi_threads_mul_fixed(const kernel_table *kernel, uint8_t *out, const uint8_t *element,
                                 const uint8_t *scalars, size_t n);
psi_status psi_threads_mul(const kernel_table *kernel, uint8_t *out, const uint8_t *elements,
                           const uint8_t *scalars, size_t n);
psi_status psi_threads_add(const kernel_table *kernel, uint8_t *out, const uint8_t *a,
                           const uint8_t *b, size_t n);

#endif
