/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, FIPS 180-4, and HMAC-SHA256, FIPS 198-1, with a key that is prepared once. */
#ifndef PSI_SHA256_H
#define PSI_SHA256_H

#include "portable.h"

#define SHA256_BLOCK 64
#define SHA256_BYTES 32

typedef struct {
    uint32_t h[8];
    uint64_t length;
    uint8_t block[SHA256_BLOCK];
} sha256;

void psi_sha256_start(sha256 *s);
void psi_sha256_update(sha256 *s, const uint8_t *data, size_t length);
void psi_sha256_finish(sha256 *s, uint8_t digest[SHA256_BYTES]);

typedef struct {
    sha256 inner, outer;
} hmac_sha256;

void psi_hmac_sha256_key(hmac_sha256 *key, const uint8_t secret[32]);
void psi_hmac_sha256(const hmac_sha256 *key, const uint8_t *data, size_t length,
                     uint8_t mac[SHA256_BYTES]);

#endif
