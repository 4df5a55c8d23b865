/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9380 section 5.3.1, RFC 9497 section 3.3.1, docs/protocol.md sections 2 and 2.1. */
#include "hashing.h"

static void update_text(sha512 *s, const psi_texts *texts, size_t i) {
    psi_sha512_update(s, texts->data + texts->offsets[i],
                      texts->offsets[i + 1] - texts->offsets[i]);
}

void psi_expander(expander *e, const psi_texts *texts, uint8_t mode) {
    static const char before[] = "HashToGroup-OPRFV1-", after[] = "-ristretto255-SHA512";
    uint8_t z_pad[SHA512_BLOCK] = {0};
    uint8_t *p = e->dst;
    memcpy(p, before, sizeof before - 1);
    p += sizeof before - 1;
    *p++ = mode;
    memcpy(p, after, sizeof after - 1);
    p += sizeof after - 1;
    *p = (uint8_t)(p - e->dst); /* DST_prime = DST || I2OSP(len(DST), 1) */
    e->dst_length = (size_t)(p + 1 - e->dst);
    psi_sha512_start(&e->start);
    psi_sha512_update(&e->start, z_pad, sizeof z_pad);
    psi_sha512_update(&e->start, texts->prefix, texts->prefix_length);
}

/* 64 bytes are one block of output: b_0 = H(Z_pad || msg || u16(64) || 0 || DST'), then b_1. */
void psi_expand(const expander *e, uint8_t uniform[PSI_UNIFORM], const psi_texts *texts,
                size_t i) {
    static const uint8_t length_and_zero[3] = {0, PSI_UNIFORM, 0}, one[1] = {1};
    sha512 s = e->start;
    update_text(&s, texts, i);
    psi_sha512_update(&s, length_and_zero, sizeof length_and_zero);
    psi_sha512_update(&s, e->dst, e->dst_length);
    psi_sha512_finish(&s, uniform);
    psi_sha512_start(&s);
    psi_sha512_update(&s, uniform, SHA512_BYTES);
    psi_sha512_update(&s, one, sizeof one);
    psi_sha512_update(&s, e->dst, e->dst_length);
    psi_sha512_finish(&s, uniform);
    wipe(&s, sizeof s);
}

void psi_blind_label(sha512 *s, const psi_blinds *blinds) {
    static const char multiplicative[] = "OVL1-BLIND", additive[] = "OVL1-BLIND-A";
    psi_sha512_start(s);
    if (blinds->additive)
        psi_sha512_update(s, (const uint8_t *)additive, sizeof additive - 1);
    else
        psi_sha512_update(s, (const uint8_t *)multiplicative, sizeof multiplicative - 1);
    psi_sha512_update(s, blinds->seed, PSI_SEED);
}

scalar psi_derive_blind(const psi_blinds *blinds, size_t i, const uint8_t uniform[PSI_UNIFORM]) {
    uint8_t j[8], wide[SHA512_BYTES];
    sha512 s;
    store_be64(j, blinds->first_j + i);
    psi_blind_label(&s, blinds);
    psi_sha512_update(&s, j, sizeof j);
    psi_sha512_update(&s, uniform, 32);
    psi_sha512_finish(&s, wide);
    scalar r = psi_scalar_wide(wide);
    wipe(&s, sizeof s);
    wipe(wide, sizeof wide);
    return r;
}

void psi_output(uint8_t output[PSI_OUTPUT], const psi_texts *texts, size_t i,
                const uint8_t element[PSI_ELEMENT]) {
    static const uint8_t element_length[2] = {0, PSI_ELEMENT};
    static const char label[] = "Finalize";
    uint8_t text_length[2];
    sha512 s;
    store_be16(text_length, (uint32_t)(texts->prefix_length + texts->offsets[i + 1] -
                                       texts->offsets[i]));
    psi_sha512_start(&s);
    psi_sha512_update(&s, text_length, sizeof text_length);
    psi_sha512_update(&s, texts->prefix, texts->prefix_length);
    update_text(&s, texts, i);
    psi_sha512_update(&s, element_length, sizeof element_length);
    psi_sha512_update(&s, element, PSI_ELEMENT);
    psi_sha512_update(&s, (const uint8_t *)label, sizeof label - 1);
    psi_sha512_finish(&s, output);
    wipe(&s, sizeof s);
}

scalar psi_weight(const sha512 *seeded, size_t i) {
    uint8_t index[4], digest[SHA512_BYTES];
    sha512 s = *seeded;
    store_be32(index, (uint32_t)i);
    psi_sha512_update(&s, index, sizeof index);
    psi_sha512_finish(&s, digest);
    scalar rho = {{load_le64(digest), load_le64(digest + 8), 0, 0}};
    rho.w[0] += (rho.w[0] | rho.w[1]) == 0; /* public */
    return rho;
}
