/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-512 on eight lanes, FIPS 180-4 section 6.4. */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_sha512.h"

#define SIGMA(x, p, q, r) v_xor3(v_ror(x, p), v_ror(x, q), v_ror(x, r))
#define SMALL_SIGMA(x, p, q, r) v_xor3(v_ror(x, p), v_ror(x, q), v_shr(x, r))

/* One round; the caller turns the eight names instead of moving the eight values. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
    do {                                                                                           \
        vec t = v_add(v_add(h, v_constant(&k[i])), v_add(w[i], v_choose(e, f, g)));                      \
        t = v_add(t, SIGMA(e, 14, 18, 41));                                                        \
        d = v_add(d, t);                                                                           \
        h = v_add(v_add(t, SIGMA(a, 28, 34, 39)), v_majority(a, b, c));                            \
    } while (0)

#define EIGHT_ROUNDS(i)                                                                            \
    do {                                                                                           \
        ROUND(a, b, c, d, e, f, g, h, i);                                                          \
        ROUND(h, a, b, c, d, e, f, g, i + 1);                                                      \
        ROUND(g, h, a, b, c, d, e, f, i + 2);                                                      \
        ROUND(f, g, h, a, b, c, d, e, i + 3);                                                      \
        ROUND(e, f, g, h, a, b, c, d, i + 4);                                                      \
        ROUND(d, e, f, g, h, a, b, c, i + 5);                                                      \
        ROUND(c, d, e, f, g, h, a, b, i + 6);                                                      \
        ROUND(b, c, d, e, f, g, h, a, i + 7);                                                      \
    } while (0)

static void compress(vec state[8], vec w[16]) {
    vec a = state[0], b = state[1], c = state[2], d = state[3];
    vec e = state[4], f = state[5], g = state[6], h = state[7];
    for (const uint64_t *k = psi_sha512_k;;) {
        EIGHT_ROUNDS(0);
        EIGHT_ROUNDS(8);
        k += 16;
        if (k == psi_sha512_k + 80) break;
        UNROLL
        for (int i = 0; i < 16; i++) {
            vec near = v_add(w[i], SMALL_SIGMA(w[(i + 1) & 15], 1, 8, 7));
            w[i] = v_add(v_add(near, w[(i + 9) & 15]), SMALL_SIGMA(w[(i + 14) & 15], 19, 61, 6));
        }
    }
    state[0] = v_add(state[0], a), state[1] = v_add(state[1], b);
    state[2] = v_add(state[2], c), state[3] = v_add(state[3], d);
    state[4] = v_add(state[4], e), state[5] = v_add(state[5], f);
    state[6] = v_add(state[6], g), state[7] = v_add(state[7], h);
}

static const uint8_t zeros[64];

/* Pads a message; returns how many blocks it has. */
static size_t pad(messages8 *m, int lane) {
    const size_t length = m->length[lane];
    const size_t blocks = (length + 17 + SHA512_BLOCK - 1) / SHA512_BLOCK;
    uint8_t *p = m->bytes[lane] + length;
    *p = 0x80;
    /* At least to the end of the last block. As one memset this would be a slow string store. */
    for (int i = 0; i < 3; i++) memcpy(p + 1 + sizeof zeros * (size_t)i, zeros, sizeof zeros);
    store_be64(m->bytes[lane] + SHA512_BLOCK * blocks - 8, 8 * (m->before + length));
    return blocks;
}

void psi_v_sha512_finish(messages8 *m, uint8_t *digests, size_t stride, size_t n) {
    size_t blocks[LANES], most = 0;
    vec state[8], w[16];
    for (int lane = 0; lane < LANES; lane++) {
        blocks[lane] = pad(m, lane);
        if (blocks[lane] > most) most = blocks[lane];
    }
    for (int i = 0; i < 8; i++) state[i] = v_all(m->state[i]);
    for (size_t block = 0; block < most; block++) {
        vec before[8];
        lanes done = 0;
        for (int lane = 0; lane < LANES; lane++) done |= (lanes)((blocks[lane] <= block) << lane);
        v_load_rows(w, 8, m->bytes[0] + SHA512_BLOCK * block, sizeof m->bytes[0], LANES);
        v_load_rows(w + 8, 8, m->bytes[0] + SHA512_BLOCK * block + 64, sizeof m->bytes[0], LANES);
        for (int i = 0; i < 16; i++) w[i] = v_swap_bytes(w[i]);
        memcpy(before, state, sizeof before);
        compress(state, w);
        for (int i = 0; i < 8; i++) state[i] = v_select(state[i], before[i], done);
    }
    for (int i = 0; i < 8; i++) state[i] = v_swap_bytes(state[i]);
    v_store_rows(digests, stride, n, state, 8);
}

VEC_END
#endif
