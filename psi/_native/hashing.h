/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes of RFC 9497 and docs/protocol.md, one text at a time. */
#ifndef PSI_HASHING_H
#define PSI_HASHING_H

#include "kernel.h"
#include "scalar.h"
#include "sha512.h"

/* expand_message_xmd with everything before the message, and the DST, prepared. */
typedef struct {
    sha512 start; /* after Z_pad and the common prefix */
    uint8_t dst[64];
    size_t dst_length;
} expander;

void psi_expander(expander *e, const psi_texts *texts, uint8_t mode);
void psi_expand(const expander *e, uint8_t uniform[PSI_UNIFORM], const psi_texts *texts, size_t i);

/* What all hashes of a session's blinds begin with: label and seed. */
void psi_blind_label(sha512 *s, const psi_blinds *blinds);

/* r_j of docs/protocol.md section 2, from the session's seed. */
scalar psi_derive_blind(const psi_blinds *blinds, size_t i, const uint8_t uniform[PSI_UNIFORM]);

/* The last step of Finalize and Evaluate, RFC 9497 section 3.3.1. */
void psi_output(uint8_t output[PSI_OUTPUT], const psi_texts *texts, size_t i,
                const uint8_t element[PSI_ELEMENT]);

/* rho_i of the batched proof, docs/protocol.md section 2.1: 128 bits. */
scalar psi_weight(const sha512 *seeded, size_t i);

#endif
