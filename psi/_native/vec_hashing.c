/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9380 section 5.3.1, RFC 9497 section 3.3.1, docs/protocol.md sections 2 and 2.1. */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_hashing.h"

static size_t text_length(const psi_texts *texts, size_t i) {
    return texts->offsets[i + 1] - texts->offsets[i];
}

/* Whether each text leaves `besides` bytes of a message; lengths are public. */
static int all_fit(const psi_texts *texts, size_t i, size_t n, size_t besides) {
    if (besides > MESSAGE_ROOM) return 0;
    for (size_t lane = 0; lane < n; lane++)
        if (text_length(texts, i + lane) > MESSAGE_ROOM - besides) return 0;
    return 1;
}

static void append_texts(messages8 *m, const psi_texts *texts, size_t i, size_t n) {
    for (size_t lane = 0; lane < LANES; lane++) {
        const size_t here = i + (lane < n ? lane : n - 1);
        message_append(m, (int)lane, texts->data + texts->offsets[here], text_length(texts, here));
    }
}

void psi_v_expand(messages8 *m, const expander *e, uint8_t *uniform, const psi_texts *texts,
                  size_t i, size_t n) {
    static const uint8_t length_and_zero[3] = {0, PSI_UNIFORM, 0};
    uint8_t first[MESSAGE_PART] = {0}, second[MESSAGE_PART] = {1};
    sha512 empty;
    if (!all_fit(texts, i, n, 2 * SHA512_BLOCK)) {
        for (size_t j = 0; j < n; j++) psi_expand(e, uniform + PSI_UNIFORM * j, texts, i + j);
        return;
    }
    memcpy(first, length_and_zero, sizeof length_and_zero);
    memcpy(first + sizeof length_and_zero, e->dst, e->dst_length);
    memcpy(second + 1, e->dst, e->dst_length);
    messages_begin(m, &e->start);
    append_texts(m, texts, i, n);
    messages_append(m, first, sizeof length_and_zero + e->dst_length);
    psi_v_sha512_finish(m, uniform, PSI_UNIFORM, n);
    psi_sha512_start(&empty);
    messages_begin(m, &empty);
    messages_append_rows(m, uniform, PSI_UNIFORM, n, PSI_UNIFORM);
    messages_append(m, second, 1 + e->dst_length);
    psi_v_sha512_finish(m, uniform, PSI_UNIFORM, n);
}

scalar8 psi_v_derive_blinds(messages8 *m, const psi_blinds *blinds, size_t i,
                            const uint8_t *uniform, size_t n) {
    uint8_t wide[LANES][SHA512_BYTES], j[8];
    sha512 start;
    psi_blind_label(&start, blinds);
    messages_begin(m, &start);
    for (int lane = 0; lane < LANES; lane++) {
        store_be64(j, blinds->first_j + i + (size_t)lane);
        message_append(m, lane, j, sizeof j);
    }
    messages_append_rows(m, uniform, PSI_UNIFORM, n, 32);
    psi_v_sha512_finish(m, wide[0], SHA512_BYTES, n);
    scalar8 r = psi_v_scalar_wide(wide[0], n);
    wipe(&start, sizeof start);
    wipe(wide, sizeof wide);
    return r;
}

void psi_v_output(messages8 *m, uint8_t *output, const psi_texts *texts, size_t i,
                  const uint8_t *elements, size_t n) {
    static const uint8_t element_length[MESSAGE_PART] = {0, PSI_ELEMENT};
    static const uint8_t label[MESSAGE_PART] = "Finalize";
    sha512 empty;
    if (!all_fit(texts, i, n, texts->prefix_length + SHA512_BLOCK)) {
        for (size_t k = 0; k < n; k++)
            psi_output(output + PSI_OUTPUT * k, texts, i + k, elements + PSI_ELEMENT * k);
        return;
    }
    psi_sha512_start(&empty);
    messages_begin(m, &empty);
    for (size_t lane = 0; lane < LANES; lane++) {
        uint8_t size[2];
        const size_t here = i + (lane < n ? lane : n - 1);
        store_be16(size, (uint32_t)(texts->prefix_length + text_length(texts, here)));
        message_append(m, (int)lane, size, sizeof size);
        message_append(m, (int)lane, texts->prefix, texts->prefix_length);
    }
    append_texts(m, texts, i, n);
    messages_append(m, element_length, 2);
    messages_append_rows(m, elements, PSI_ELEMENT, n, PSI_ELEMENT);
    messages_append(m, label, 8);
    psi_v_sha512_finish(m, output, PSI_OUTPUT, n);
}

void psi_v_weights(messages8 *m, scalar *rho, const sha512 *seeded, size_t i, size_t n) {
    uint8_t digests[LANES][SHA512_BYTES], index[4];
    messages_begin(m, seeded);
    for (int lane = 0; lane < LANES; lane++) {
        store_be32(index, (uint32_t)(i + (size_t)lane));
        message_append(m, lane, index, sizeof index);
    }
    psi_v_sha512_finish(m, digests[0], SHA512_BYTES, n);
    for (size_t lane = 0; lane < n; lane++) {
        scalar r = {{load_le64(digests[lane]), load_le64(digests[lane] + 8), 0, 0}};
        r.w[0] += (r.w[0] | r.w[1]) == 0; /* public */
        rho[lane] = r;
    }
}

VEC_END
#endif
