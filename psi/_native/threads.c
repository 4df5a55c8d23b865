/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of each operation, and the part of them that a piece needs. */
#include "threads.h"

#include "pool.h"

typedef struct {
    const kernel_table *kernel;
    uint8_t *out;
    const uint8_t *in, *other, *k;
    const psi_texts *texts;
    const psi_blinds *blinds;
    size_t length;
    uint8_t mode;
} work;

static psi_texts texts_from(const work *w, size_t begin, size_t n) {
    psi_texts texts = *w->texts;
    texts.offsets += begin;
    texts.n = n;
    return texts;
}

static psi_blinds blinds_from(const work *w, size_t begin) {
    psi_blinds blinds = *w->blinds;
    blinds.first_j += begin;
    if (blinds.scalars != NULL) blinds.scalars += PSI_SCALAR * begin;
    return blinds;
}

static psi_status map_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    return w->kernel->element_from_uniform(w->out + PSI_ELEMENT * begin,
                                           w->in + PSI_UNIFORM * begin, n);
}

static psi_status hash_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    const psi_texts texts = texts_from(w, begin, n);
    return w->kernel->hash_to_group(w->out + PSI_ELEMENT * begin, &texts, w->mode);
}

static psi_status check_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    return w->kernel->check_elements(w->in + PSI_ELEMENT * begin, n);
}

static psi_status blind_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    const psi_texts texts = texts_from(w, begin, n);
    const psi_blinds blinds = blinds_from(w, begin);
    return w->kernel->blind(w->out + PSI_ELEMENT * begin, &texts, w->mode, &blinds);
}

static psi_status finalize_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    const psi_texts texts = texts_from(w, begin, n);
    const psi_blinds blinds = blinds_from(w, begin);
    return w->kernel->finalize(w->out + w->length * begin, w->length, &texts, w->mode, &blinds,
                               w->in + PSI_ELEMENT * begin);
}

static psi_status evaluate_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    return w->kernel->evaluate(w->out + PSI_ELEMENT * begin, w->in + PSI_ELEMENT * begin, n, w->k);
}

static psi_status tags_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    const psi_texts texts = texts_from(w, begin, n);
    return w->kernel->table_tags(w->out + w->length * begin, w->length, &texts, w->mode, w->k);
}

static psi_status blind_fixed_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    const psi_texts texts = texts_from(w, begin, n);
    const psi_blinds blinds = blinds_from(w, begin);
    return w->kernel->blind_fixed(w->out + PSI_ELEMENT * begin, &texts, w->mode, &blinds);
}

static psi_status finalize_fixed_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    const psi_texts texts = texts_from(w, begin, n);
    const psi_blinds blinds = blinds_from(w, begin);
    return w->kernel->finalize_fixed(w->out + w->length * begin, w->length, &texts, w->mode,
                                     &blinds, w->in + PSI_ELEMENT * begin, w->k);
}

static psi_status mul_fixed_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    return w->kernel->mul_fixed(w->out + PSI_ELEMENT * begin, w->k, w->other + PSI_SCALAR * begin,
                                n);
}

static psi_status mul_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    return w->kernel->mul(w->out + PSI_ELEMENT * begin, w->in + PSI_ELEMENT * begin,
                          w->other + PSI_SCALAR * begin, n);
}

static psi_status add_piece(const void *p, size_t begin, size_t n) {
    const work *w = p;
    return w->kernel->add(w->out + PSI_ELEMENT * begin, w->in + PSI_ELEMENT * begin,
                          w->other + PSI_ELEMENT * begin, n);
}

psi_status psi_threads_element_from_uniform(const kernel_table *kernel, uint8_t *out,
                                            const uint8_t *uniform, size_t n) {
    const work w = {.kernel = kernel, .out = out, .in = uniform};
    return psi_pool_run(map_piece, &w, n);
}

psi_status psi_threads_hash_to_group(const kernel_table *kernel, uint8_t *out,
                                     const psi_texts *texts, uint8_t mode) {
    const work w = {.kernel = kernel, .out = out, .texts = texts, .mode = mode};
    return psi_pool_run(hash_piece, &w, texts->n);
}

psi_status psi_threads_check_elements(const kernel_table *kernel, const uint8_t *elements,
                                      size_t n) {
    const work w = {.kernel = kernel, .in = elements};
    return psi_pool_run(check_piece, &w, n);
}

psi_status psi_threads_blind(const kernel_table *kernel, uint8_t *out, const psi_texts *texts,
                             uint8_t mode, const psi_blinds *blinds) {
    const work w = {.kernel = kernel, .out = out, .texts = texts, .mode = mode, .blinds = blinds};
    return psi_pool_run(blind_piece, &w, texts->n);
}

psi_status psi_threads_finalize(const kernel_table *kernel, uint8_t *out, size_t length,
                                const psi_texts *texts, uint8_t mode, const psi_blinds *blinds,
                                const uint8_t *evaluated) {
    const work w = {.kernel = kernel, .out = out,       .length = length,  .texts = texts,
                    .mode = mode,     .blinds = blinds, .in = evaluated};
    return psi_pool_run(finalize_piece, &w, texts->n);
}

psi_status psi_threads_evaluate(const kernel_table *kernel, uint8_t *out, const uint8_t *elements,
                                size_t n, const uint8_t *k) {
    const work w = {.kernel = kernel, .out = out, .in = elements, .k = k};
    return psi_pool_run(evaluate_piece, &w, n);
}

psi_status psi_threads_table_tags(const kernel_table *kernel, uint8_t *out, size_t length,
                                  const psi_texts *texts, uint8_t mode, const uint8_t *k) {
    const work w = {
        .kernel = kernel, .out = out, .length = length, .texts = texts, .mode = mode, .k = k};
    return psi_pool_run(tags_piece, &w, texts->n);
}

psi_status psi_threads_blind_fixed(const kernel_table *kernel, uint8_t *out,
                                   const psi_texts *texts, uint8_t mode,
                                   const psi_blinds *blinds) {
    const work w = {.kernel = kernel, .out = out, .texts = texts, .mode = mode, .blinds = blinds};
    return psi_pool_run(blind_fixed_piece, &w, texts->n);
}

psi_status psi_threads_finalize_fixed(const kernel_table *kernel, uint8_t *out, size_t length,
                                      const psi_texts *texts, uint8_t mode,
                                      const psi_blinds *blinds, const uint8_t *evaluated,
                                      const uint8_t *public_key) {
    const work w = {.kernel = kernel, .out = out,       .length = length, .texts = texts,
                    .mode = mode,     .blinds = blinds, .in = evaluated,  .k = public_key};
    return psi_pool_run(finalize_fixed_piece, &w, texts->n);
}

psi_status psi_threads_mul_fixed(const kernel_table *kernel, uint8_t *out, const uint8_t *element,
                                 const uint8_t *scalars, size_t n) {
    const work w = {.kernel = kernel, .out = out, .k = element, .other = scalars};
    return psi_pool_run(mul_fixed_piece, &w, n);
}

psi_status psi_threads_mul(const kernel_table *kernel, uint8_t *out, const uint8_t *elements,
                           const uint8_t *scalars, size_t n) {
    const work w = {.kernel = kernel, .out = out, .in = elements, .other = scalars};
    return psi_pool_run(mul_piece, &w, n);
}

psi_status psi_threads_add(const kernel_table *kernel, uint8_t *out, const uint8_t *a,
                           const uint8_t *b, size_t n) {
    const work w = {.kernel = kernel, .out = out, .in = a, .other = b};
    return psi_pool_run(add_piece, &w, n);
}
