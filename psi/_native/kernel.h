/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations a kernel offers, one table of function pointers an instruction set. Everything is
 * bytes in, bytes out, n elements; lengths and ranges that kernel.pyi calls a programming error
 * are checked by the Python boundary before a kernel is called.
 *
 * An element is 32 bytes (RFC 9496), a scalar 32 bytes little-endian and < l. A status is PSI_GOOD,
 * PSI_NO_MEMORY, PSI_FAULT or the index of the first bad element; unless it is PSI_GOOD the output is
 * undefined. Operations are constant time in everything but lengths, counts and statuses, except
 * the two at the end.
 */
#ifndef PSI_KERNEL_H
#define PSI_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define PSI_ELEMENT 32
#define PSI_SCALAR 32
#define PSI_UNIFORM 64 /* RFC 9496 section 4.3.4 */
#define PSI_OUTPUT 64  /* Nh, RFC 9497 section 4.1 */
#define PSI_SEED 32    /* session_seed, docs/protocol.md section 2 */
#define PSI_WEIGHT_SEED 64

#define PSI_GOOD (-1)
#define PSI_NO_MEMORY (-2)
#define PSI_FAULT (-3) /* a computation that is checked came out wrong: the machine is faulty */
typedef ptrdiff_t psi_status;

/* n texts, text i = prefix || data[offsets[i] .. offsets[i+1]]; together at most 65,534 bytes. */
typedef struct {
    const uint8_t *data;
    const uint64_t *offsets;
    size_t n;
    const uint8_t *prefix;
    size_t prefix_length;
} psi_texts;

/*
 * Where the blinds come from: r_i = wide(label || seed || u64(first_j + i) || U_i[0:32]), or, with
 * seed = NULL, n scalars as they are. The label is "OVL1-BLIND", and "OVL1-BLIND-A" if additive.
 */
typedef struct {
    const uint8_t *seed;
    uint64_t first_j;
    const uint8_t *scalars;
    int additive;
} psi_blinds;

struct psi_kernel {
    const char *name;
    void (*prepare)(void); /* builds tables; called before anything else, more than once */

    psi_status (*uniform_bytes)(uint8_t *out, const psi_texts *texts, uint8_t mode);
    psi_status (*element_from_uniform)(uint8_t *out, const uint8_t *uniform, size_t n);
    psi_status (*hash_to_group)(uint8_t *out, const psi_texts *texts, uint8_t mode);
    psi_status (*check_elements)(const uint8_t *elements, size_t n);

    psi_status (*blind)(uint8_t *out, const psi_texts *texts, uint8_t mode,
                        const psi_blinds *blinds);
    psi_status (*blind_scalars)(uint8_t *out, const psi_texts *texts, uint8_t mode,
                                const psi_blinds *blinds);
    psi_status (*finalize)(uint8_t *out, size_t length, const psi_texts *texts, uint8_t mode,
                           const psi_blinds *blinds, const uint8_t *evaluated);
    psi_status (*evaluate)(uint8_t *out, const uint8_t *elements, size_t n, const uint8_t *k);
    psi_status (*table_tags)(uint8_t *out, size_t length, const psi_texts *texts, uint8_t mode,
                             const uint8_t *k);

    psi_status (*mul)(uint8_t *out, const uint8_t *elements, const uint8_t *scalars, size_t n);
    psi_status (*mul_base)(uint8_t *out, const uint8_t *scalars, size_t n);
    psi_status (*add)(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n);

    /* Fixed-base blinding: H + r*G; D - r*K and its hash; multiples of one element. */
    psi_status (*blind_fixed)(uint8_t *out, const psi_texts *texts, uint8_t mode,
                              const psi_blinds *blinds);
    psi_status (*finalize_fixed)(uint8_t *out, size_t length, const psi_texts *texts, uint8_t mode,
                                 const psi_blinds *blinds, const uint8_t *evaluated,
                                 const uint8_t *public_key);
    psi_status (*mul_fixed)(uint8_t *out, const uint8_t *element, const uint8_t *scalars, size_t n);

    /* M and, unless d is NULL, Z of the batched proof; 32 bytes each. Variable time. */
    psi_status (*weighted_sums)(uint8_t *m, uint8_t *z, const uint8_t *c, const uint8_t *d,
                                size_t n, const uint8_t *seed);
    /* sum scalars_i * elements_i, 32 bytes. Variable time. */
    psi_status (*weighted_sum)(uint8_t *out, const uint8_t *elements, const uint8_t *scalars,
                               size_t n);
};

/*
 * Operations that gain nothing from an instruction set, or are too rare to matter. Status as above.
 */
psi_status psi_check_scalars(const uint8_t *scalars, size_t n);        /* first >= l */
psi_status psi_check_blinds(const uint8_t *scalars, size_t n);         /* first >= l or zero */
int psi_is_exceptional(const uint8_t *scalar);                         /* 0 or l - 2 */
void psi_scalar_reduce(uint8_t *out, const uint8_t *wide, size_t n);   /* 64 bytes each */
psi_status psi_scalar_invert(uint8_t *out, const uint8_t *scalars, size_t n);
void psi_scalar_muladd(uint8_t *out, const uint8_t *a, const uint8_t *b, const uint8_t *c);
void psi_scalar_subtract(uint8_t *out, const uint8_t *a, const uint8_t *b);
void psi_dummy_inputs(uint8_t *out, const uint8_t *seed, uint64_t first_j, size_t n);
void psi_counter_tags(uint8_t *out, size_t length, const uint8_t *prefix, size_t prefix_length,
                      uint64_t first_j, size_t n);
void psi_packed_digest(uint8_t out[32], const psi_texts *texts);
void psi_erase(void *p, size_t length);
void psi_erase_stack(void); /* what operations of the same caller left on the stack */

/* dispatch.c: the kernels this CPU can run, fastest first; NULL past the last. */
const struct psi_kernel *psi_kernel_at(size_t i);
const struct psi_kernel *psi_kernel_find(const char *name);

extern const struct psi_kernel psi_kernel_portable;

/* Vector lanes: on their own instructions, or in plain C (vec.h). */
#if defined(__x86_64__) || defined(PSI_PLAIN_LANES)
#define PSI_LANES
extern const struct psi_kernel psi_kernel_avx512ifma;
#endif

#endif
