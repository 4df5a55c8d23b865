/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-512, FIPS 180-4. A state may be copied to go on from the same beginning several times. */
#ifndef PSI_SHA512_H
#define PSI_SHA512_H

#include "portable.h"

#define SHA512_BLOCK 128
#define SHA512_BYTES 64

typedef struct {
    uint64_t h[8];
    uint64_t length; /* bytes so far; less than 2^61 */
    uint8_t block[SHA512_BLOCK];
} sha512;

/* The round constants, FIPS 180-4 section 4.2.3. */
extern const uint64_t psi_sha512_k[80];

void psi_sha512_start(sha512 *s);
void psi_sha512_update(sha512 *s, const uint8_t *data, size_t length);
void psi_sha512_finish(sha512 *s, uint8_t digest[SHA512_BYTES]);

#endif
