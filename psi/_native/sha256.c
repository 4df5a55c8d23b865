/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and HMAC. No step depends on the data, only on its length. */
#include "sha256.h"

/* FIPS 180-4 section 4.2.2. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* FIPS 180-4 section 5.3.3. */
static const uint32_t INITIAL[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

INLINE uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(uint32_t state[8], const uint8_t block[SHA256_BLOCK]) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) w[i] = load_be32(block + 4 * i);
    for (int i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[i - 7] +
               (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & (f ^ g)) ^ g) +
                      K[i] + w[i];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    wipe(w, sizeof w);
}

void psi_sha256_start(sha256 *s) {
    memcpy(s->h, INITIAL, sizeof s->h);
    s->length = 0;
}

void psi_sha256_update(sha256 *s, const uint8_t *data, size_t length) {
    size_t filled = s->length % SHA256_BLOCK;
    s->length += length;
    while (length > 0) {
        if (filled == 0 && length >= SHA256_BLOCK) {
            compress(s->h, data);
            data += SHA256_BLOCK;
            length -= SHA256_BLOCK;
            continue;
        }
        size_t part = SHA256_BLOCK - filled < length ? SHA256_BLOCK - filled : length;
        memcpy(s->block + filled, data, part);
        data += part;
        length -= part;
        filled += part;
        if (filled == SHA256_BLOCK) {
            compress(s->h, s->block);
            filled = 0;
        }
    }
}

void psi_sha256_finish(sha256 *s, uint8_t digest[SHA256_BYTES]) {
    size_t filled = s->length % SHA256_BLOCK;
    s->block[filled++] = 0x80;
    if (filled > SHA256_BLOCK - 8) {
        memset(s->block + filled, 0, SHA256_BLOCK - filled);
        compress(s->h, s->block);
        filled = 0;
    }
    memset(s->block + filled, 0, SHA256_BLOCK - 8 - filled);
    store_be64(s->block + SHA256_BLOCK - 8, 8 * s->length);
    compress(s->h, s->block);
    for (int i = 0; i < 8; i++) store_be32(digest + 4 * i, s->h[i]);
}

void psi_hmac_sha256_key(hmac_sha256 *key, const uint8_t secret[32]) {
    uint8_t inner[SHA256_BLOCK], outer[SHA256_BLOCK];
    memset(inner, 0x36, sizeof inner);
    memset(outer, 0x5c, sizeof outer);
    for (int i = 0; i < 32; i++) {
        inner[i] ^= secret[i];
        outer[i] ^= secret[i];
    }
    psi_sha256_start(&key->inner);
    psi_sha256_update(&key->inner, inner, sizeof inner);
    psi_sha256_start(&key->outer);
    psi_sha256_update(&key->outer, outer, sizeof outer);
    wipe(inner, sizeof inner);
    wipe(outer, sizeof outer);
}

void psi_hmac_sha256(const hmac_sha256 *key, const uint8_t *data, size_t length,
                     uint8_t mac[SHA256_BYTES]) {
    sha256 s = key->inner;
    psi_sha256_update(&s, data, length);
    psi_sha256_finish(&s, mac);
    s = key->outer;
    psi_sha256_update(&s, mac, SHA256_BYTES);
    psi_sha256_finish(&s, mac);
    wipe(&s, sizeof s);
}
