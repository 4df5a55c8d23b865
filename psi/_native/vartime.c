/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weighted sums of public elements with public weights, by buckets (Pippenger). VARIABLE TIME:
 * nothing secret may come near this file. Secret multiplications are in ladder.c and base.c.
 */
#include "hashing.h"
#include "group.h"
#include "portable_operations.h"

/* A block of the longest proof; its points take half a megabyte. Longer sums go block by block. */
#define BLOCK 4096
#define WEIGHT_BITS 128
#define SCALAR_BITS 253
#define LARGEST_WINDOW 11

typedef struct {
    size_t n, size; /* elements in use, and places */
    int window, windows;
    ge_affine *points[2]; /* of c, of d */
    ge *buckets;
    int16_t *digits; /* windows rows of n */
} sums;

/* Windows of signed digits: one bit more, so that the last one keeps its carry. */
static int windows_of(int bits, int window) { return (bits + 1) / window + 1; }

/* Field products of one sum: 7 an addition to a bucket, 18 to clear a bucket, 7 a doubling. */
static size_t cost(size_t n, int bits, int window) {
    size_t a_window = 7 * n + (18 << (window - 1)) + 7 * (size_t)window;
    return (size_t)windows_of(bits, window) * a_window;
}

static void sums_free(sums *s) {
    free(s->points[0]);
    free(s->points[1]);
    free(s->buckets);
    free(s->digits);
}

/* 0 when there is no memory. `of_d` says whether there are elements d beside c. */
static int sums_new(sums *s, size_t n, int bits, int of_d) {
    *s = (sums){.size = n < BLOCK ? n + (n == 0) : BLOCK, .window = 3};
    for (int window = 4; window <= LARGEST_WINDOW; window++)
        if (cost(s->size, bits, window) < cost(s->size, bits, s->window)) s->window = window;
    s->windows = windows_of(bits, s->window);
    s->points[0] = malloc(s->size * sizeof *s->points[0]);
    s->points[1] = of_d ? malloc(s->size * sizeof *s->points[1]) : NULL;
    s->buckets = malloc(sizeof(ge) << (s->window - 1));
    s->digits = malloc(s->size * (size_t)s->windows * sizeof *s->digits);
    if (s->points[0] == NULL || (of_d && s->points[1] == NULL) || s->buckets == NULL ||
        s->digits == NULL) {
        sums_free(s);
        return 0;
    }
    return 1;
}

/* Decodes two elements; bit w of the result is set if element w is not valid. */
static unsigned decode_two(ge_affine *p0, ge_affine *p1, const uint8_t *s0, const uint8_t *s1) {
    _Static_assert(WAYS == 2, "two elements at a time");
    const uint8_t *in[WAYS] = {s0, s1};
    ge p[WAYS];
    uint64_t valid[WAYS];
    psi_ge_decode(p, valid, in);
    *p0 = ge_affine_of(p[0].X, p[0].Y, p[0].T);
    *p1 = ge_affine_of(p[1].X, p[1].Y, p[1].T);
    return (unsigned)(!valid[0]) | (unsigned)(!valid[1]) << 1;
}

/* Points of a block of c and, unless it is NULL, d. */
static psi_status load_points(sums *s, const uint8_t *c, const uint8_t *d) {
    if (d != NULL) {
        for (size_t i = 0; i < s->n; i++)
            if (decode_two(&s->points[0][i], &s->points[1][i], c + PSI_ELEMENT * i,
                           d + PSI_ELEMENT * i))
                return (psi_status)i;
        return PSI_GOOD;
    }
    for (size_t i = 0; i < s->n; i += 2) {
        size_t j = i + 1 < s->n ? i + 1 : i;
        unsigned bad = decode_two(&s->points[0][i], &s->points[0][j], c + PSI_ELEMENT * i,
                                  c + PSI_ELEMENT * j);
        if (bad) return (psi_status)(bad & 1 ? i : j);
    }
    return PSI_GOOD;
}

/* Signed digits of weight i: in [-2^(window-1), 2^(window-1)). */
static void load_digits(sums *s, size_t i, scalar weight) {
    const int64_t half = INT64_C(1) << (s->window - 1);
    int64_t carry = 0;
    for (int k = 0; k < s->windows; k++) {
        int bit = k * s->window, word = bit >> 6, shift = bit & 63;
        uint64_t bits = word < 4 ? weight.w[word] >> shift : 0;
        if (shift + s->window > 64 && word < 3) bits |= weight.w[word + 1] << (64 - shift);
        int64_t digit = (int64_t)(bits & (2 * (uint64_t)half - 1)) + carry;
        carry = digit >= half;
        s->digits[(size_t)k * s->size + i] = (int16_t)(digit - 2 * half * carry);
    }
}

/* p or, where negative is set, -p. By mask only because half of the branches would go wrong. */
static inline ge_affine affine_negate_if(ge_affine p, uint64_t negative) {
    return (ge_affine){fe_select(p.sum, p.difference, negative),
                       fe_select(p.difference, p.sum, negative),
                       fe_negate_if(p.product, negative)};
}

/* sum of digit_i * p_i for one window: sum p_i into bucket |digit_i|, then sum j * bucket_j. */
static ge sum_window(const sums *s, const ge_affine *points, const int16_t *digits) {
    const size_t buckets = (size_t)1 << (s->window - 1);
    for (size_t j = 0; j < buckets; j++) s->buckets[j] = GE_IDENTITY;
    for (size_t i = 0; i < s->n; i++) {
        int digit = digits[i];
        if (digit == 0) continue;
        ge *bucket = &s->buckets[abs(digit) - 1];
        *bucket = ge_add_affine(*bucket, affine_negate_if(points[i], mask_of_bit(digit < 0)));
    }
    ge above = GE_IDENTITY, total = GE_IDENTITY;
    for (size_t j = buckets; j-- > 0;) {
        above = ge_add(above, s->buckets[j]);
        total = ge_add(total, above);
    }
    return total;
}

static ge sum_block(const sums *s, const ge_affine *points) {
    ge r = GE_IDENTITY;
    for (int k = s->windows; k-- > 0;) {
        for (int i = 0; i < s->window; i++) r = ge_double(r);
        r = ge_add(r, sum_window(s, points, s->digits + (size_t)k * s->size));
    }
    return r;
}

psi_status psi_weighted_sums_portable(uint8_t *m, uint8_t *z, const uint8_t *c, const uint8_t *d,
                                      size_t n, const uint8_t *seed) {
    psi_status bad = PSI_GOOD;
    ge total[WAYS] = {GE_IDENTITY, GE_IDENTITY};
    uint8_t ignored[PSI_ELEMENT];
    uint8_t *const out[WAYS] = {m, d != NULL ? z : ignored};
    sha512 seeded;
    sums s;
    if (!sums_new(&s, n, WEIGHT_BITS, d != NULL)) return PSI_NO_MEMORY;
    psi_sha512_start(&seeded);
    psi_sha512_update(&seeded, seed, PSI_WEIGHT_SEED);
    for (size_t begin = 0; begin < n; begin += s.n) {
        s.n = n - begin < s.size ? n - begin : s.size;
        bad = load_points(&s, c + PSI_ELEMENT * begin,
                          d != NULL ? d + PSI_ELEMENT * begin : NULL);
        if (bad != PSI_GOOD) {
            bad += (psi_status)begin;
            break;
        }
        for (size_t i = 0; i < s.n; i++) load_digits(&s, i, psi_weight(&seeded, begin + i));
        total[0] = ge_add(total[0], sum_block(&s, s.points[0]));
        if (d != NULL) total[1] = ge_add(total[1], sum_block(&s, s.points[1]));
    }
    if (bad == PSI_GOOD) psi_ge_encode(out, total);
    sums_free(&s);
    return bad;
}

psi_status psi_weighted_sum_portable(uint8_t *out, const uint8_t *elements,
                                     const uint8_t *scalars, size_t n) {
    psi_status bad = PSI_GOOD;
    ge total[WAYS] = {GE_IDENTITY, GE_IDENTITY};
    uint8_t ignored[PSI_ELEMENT];
    uint8_t *const to[WAYS] = {out, ignored};
    sums s;
    if (!sums_new(&s, n, SCALAR_BITS, 0)) return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n; begin += s.n) {
        s.n = n - begin < s.size ? n - begin : s.size;
        bad = load_points(&s, elements + PSI_ELEMENT * begin, NULL);
        if (bad != PSI_GOOD) {
            bad += (psi_status)begin;
            break;
        }
        for (size_t i = 0; i < s.n; i++)
            load_digits(&s, i, scalar_load(scalars + PSI_SCALAR * (begin + i)));
        total[0] = ge_add(total[0], sum_block(&s, s.points[0]));
    }
    if (bad == PSI_GOOD) psi_ge_encode(to, total);
    sums_free(&s);
    return bad;
}
