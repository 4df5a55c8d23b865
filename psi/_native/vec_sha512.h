/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-512 of eight messages side by side. Time depends on their lengths only. */
#ifndef PSI_VEC_SHA512_H
#define PSI_VEC_SHA512_H

#include "sha512.h"
#include "vec.h"

/* A message has room for as many bytes, after whole blocks that it shares with its neighbours. */
#define MESSAGE_ROOM (4 * SHA512_BLOCK)
/* What is written beyond that: padding, and the rest of a fixed size. */
#define MESSAGE_SLACK (2 * SHA512_BLOCK)
#define MESSAGE_PART 64

/*
 * Eight messages being put together. They begin alike (`start`); rows of which there are fewer than
 * eight repeat the last one. The caller makes sure that MESSAGE_ROOM is enough.
 */
typedef struct {
    uint64_t state[8]; /* after the whole blocks at the start, of which there are `before` bytes */
    uint64_t before;
    size_t length[LANES];
    uint8_t bytes[LANES][MESSAGE_ROOM + MESSAGE_SLACK];
} messages8;

V_INLINE void messages_begin(messages8 *m, const sha512 *start) {
    const size_t filled = start->length % SHA512_BLOCK;
    memcpy(m->state, start->h, sizeof m->state);
    m->before = start->length - filled;
    for (int lane = 0; lane < LANES; lane++) {
        memcpy(m->bytes[lane], start->block, SHA512_BLOCK / 2);
        memcpy(m->bytes[lane] + SHA512_BLOCK / 2, start->block + SHA512_BLOCK / 2,
               SHA512_BLOCK / 2);
        m->length[lane] = filled;
    }
}

/* Appends to one message. */
V_INLINE void message_append(messages8 *m, int lane, const void *p, size_t size) {
    memcpy(m->bytes[lane] + m->length[lane], p, size);
    m->length[lane] += size;
}

/*
 * The same for all, of at most MESSAGE_PART bytes, though that many are copied: a fixed size is a few
 * moves instead of a call.
 */
V_INLINE void messages_append(messages8 *m, const uint8_t part[MESSAGE_PART], size_t size) {
    for (int lane = 0; lane < LANES; lane++) {
        memcpy(m->bytes[lane] + m->length[lane], part, MESSAGE_PART);
        m->length[lane] += size;
    }
}

/* Row i to message i. */
V_INLINE void messages_append_rows(messages8 *m, const uint8_t *rows, size_t stride, size_t n,
                                 size_t size) {
    for (size_t lane = 0; lane < LANES; lane++)
        message_append(m, (int)lane, rows + stride * (lane < n ? lane : n - 1), size);
}

/* The digests of the first n messages, `stride` bytes apart. */
void psi_v_sha512_finish(messages8 *m, uint8_t *digests, size_t stride, size_t n);

#endif
