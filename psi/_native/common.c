/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that every kernel shares: arithmetic mod l, plain hashes. Constant time. */
#include "kernel.h"
#include "scalar.h"
#include "sha256.h"
#include "sha512.h"

#define BLOCK 256

psi_status psi_check_scalars(const uint8_t *scalars, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!reveal(scalar_is_canonical(scalar_load(scalars + PSI_SCALAR * i))))
            return (psi_status)i;
    return PSI_GOOD;
}

psi_status psi_check_blinds(const uint8_t *scalars, size_t n) {
    for (size_t i = 0; i < n; i++) {
        scalar a = scalar_load(scalars + PSI_SCALAR * i);
        if (!reveal(scalar_is_canonical(a) & ~scalar_is_zero(a))) return (psi_status)i;
    }
    return PSI_GOOD;
}

int psi_is_exceptional(const uint8_t *bytes) {
    scalar a = scalar_load(bytes);
    return reveal(scalar_is_zero(a) | scalar_is_minus_two(a)) != 0;
}

void psi_scalar_reduce(uint8_t *out, const uint8_t *wide, size_t n) {
    for (size_t i = 0; i < n; i++)
        scalar_store(out + PSI_SCALAR * i, psi_scalar_wide(wide + 64 * i));
}

psi_status psi_scalar_invert(uint8_t *out, const uint8_t *scalars, size_t n) {
    typedef struct {
        scalar x[BLOCK], running[BLOCK];
    } block;
    psi_status bad = psi_check_blinds(scalars, n);
    if (bad != PSI_GOOD) return bad;
    block *b = scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n; begin += BLOCK) {
        size_t size = n - begin < BLOCK ? n - begin : BLOCK;
        for (size_t i = 0; i < size; i++)
            b->x[i] = scalar_load(scalars + PSI_SCALAR * (begin + i));
        psi_scalar_invert_batch(b->x, b->running, size);
        for (size_t i = 0; i < size; i++) scalar_store(out + PSI_SCALAR * (begin + i), b->x[i]);
    }
    scratch_free(b, sizeof *b);
    return PSI_GOOD;
}

void psi_scalar_muladd(uint8_t *out, const uint8_t *a, const uint8_t *b, const uint8_t *c) {
    scalar_store(out, scalar_add(psi_scalar_mul(scalar_load(a), scalar_load(b)), scalar_load(c)));
}

void psi_scalar_subtract(uint8_t *out, const uint8_t *a, const uint8_t *b) {
    scalar_store(out, scalar_sub(scalar_load(a), scalar_load(b)));
}

void psi_dummy_inputs(uint8_t *out, const uint8_t *seed, uint64_t first_j, size_t n) {
    uint8_t message[18] = "OVL1-DUMMY";
    hmac_sha256 key;
    psi_hmac_sha256_key(&key, seed);
    for (size_t i = 0; i < n; i++) {
        store_be64(message + 10, first_j + i);
        psi_hmac_sha256(&key, message, sizeof message, out + SHA256_BYTES * i);
    }
    wipe(&key, sizeof key);
}

void psi_counter_tags(uint8_t *out, size_t length, const uint8_t *prefix, size_t prefix_length,
                      uint64_t first_j, size_t n) {
    uint8_t counter[8], digest[SHA512_BYTES];
    sha512 start, s;
    psi_sha512_start(&start);
    psi_sha512_update(&start, prefix, prefix_length);
    for (size_t i = 0; i < n; i++) {
        s = start;
        store_be64(counter, first_j + i);
        psi_sha512_update(&s, counter, sizeof counter);
        psi_sha512_finish(&s, digest);
        memcpy(out + length * i, digest, length);
    }
    wipe(&start, sizeof start);
    wipe(&s, sizeof s);
    wipe(digest, sizeof digest);
}

/* SHA256(u32(n) || u32(length) || text || ...). */
void psi_packed_digest(uint8_t out[32], const psi_texts *texts) {
    uint8_t length[4];
    sha256 s;
    psi_sha256_start(&s);
    store_be32(length, (uint32_t)texts->n);
    psi_sha256_update(&s, length, sizeof length);
    for (size_t i = 0; i < texts->n; i++) {
        size_t size = texts->offsets[i + 1] - texts->offsets[i];
        store_be32(length, (uint32_t)size);
        psi_sha256_update(&s, length, sizeof length);
        psi_sha256_update(&s, texts->data + texts->offsets[i], size);
    }
    psi_sha256_finish(&s, out);
    wipe(&s, sizeof s);
}

void psi_erase(void *p, size_t length) { wipe(p, length); }

/* Deeper than any operation goes below its caller (measured: at most 43 KB, vec_sums.c). */
#define STACK_REACH 49152

void psi_erase_stack(void) {
    uint8_t below[STACK_REACH];
    wipe(below, sizeof below);
}
