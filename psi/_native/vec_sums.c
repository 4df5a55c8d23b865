/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weighted sums of public elements with public weights, by buckets (Pippenger). VARIABLE TIME:
 * nothing secret may come near this file. A lane is a window of the weights: eight windows are
 * worked on side by side, each with its own buckets, and every point goes to a bucket of each.
 */
#include "kernel.h"

#ifdef PSI_LANES

#include "group.h"
#include "portable_operations.h"
#include "vec_group.h"
#include "vec_hashing.h"
#include "vec_operations.h"

/* A block of the longest proof; longer sums go block by block. */
#define BLOCK 4096
#define WEIGHT_BITS 128
#define SCALAR_BITS 253
#define SMALLEST_WINDOW 4
#define LARGEST_WINDOW 8 /* so that offsets fit 16 bits */
/* Groups that are decoded together. */
#define DECODED 3

#define COORDINATE 5
#define POINT (4 * COORDINATE)

/* One point for all lanes: y + x, y - x, 2dxy, -2dxy. */
typedef struct {
    uint64_t sum[COORDINATE], difference[COORDINATE], product[COORDINATE], negative[COORDINATE];
} shared_affine;

typedef struct {
    size_t n, size; /* elements in use, and places */
    int bits, window, windows, passes;
    shared_affine *points[2]; /* of c, of d */
    uint64_t *buckets;        /* rows of eight points, one a lane; row 0 takes the zero digits */
    uint16_t (*offsets)[LANES]; /* where in `buckets`; `passes` times `size` */
    lanes *signs;
} sums;

/*
 * Digits are signed, but for the topmost, which keeps the carry: a sign less is a window less, and
 * for 128 bits that is two passes instead of three.
 */
static size_t rows_for(const sums *s, int pass) {
    const int top = s->bits - s->window * (s->windows - 1);
    const int largest = pass == s->passes - 1 && top >= s->window ? top : s->window - 1;
    return ((size_t)1 << largest) + 1;
}

static void set_window(sums *s, int window) {
    s->window = window;
    s->windows = (s->bits + window - 1) / window;
    s->passes = (s->windows + LANES - 1) / LANES;
}

/* Additions of one sum. */
static size_t cost(const sums *s) {
    size_t additions = 0;
    for (int pass = 0; pass < s->passes; pass++) additions += s->size + 2 * rows_for(s, pass);
    return additions;
}

static void sums_free(sums *s) {
    free(s->points[0]);
    free(s->points[1]);
    free(s->buckets);
    free(s->offsets);
    free(s->signs);
}

/* 0 when there is no memory. `of_d` says whether there are elements d beside c. */
static int sums_new(sums *s, size_t n, int bits, int of_d) {
    *s = (sums){.size = n < BLOCK ? n : BLOCK, .bits = bits};
    sums best = *s;
    set_window(&best, SMALLEST_WINDOW);
    for (int window = SMALLEST_WINDOW + 1; window <= LARGEST_WINDOW; window++) {
        set_window(s, window);
        if (cost(s) < cost(&best)) best = *s;
    }
    *s = best;
    const size_t places = s->size * (size_t)s->passes;
    s->points[0] = malloc(s->size * sizeof *s->points[0]);
    s->points[1] = of_d ? malloc(s->size * sizeof *s->points[1]) : NULL;
    s->buckets = v_scratch_new(rows_for(s, s->passes - 1) * LANES * POINT * sizeof(uint64_t));
    s->offsets = malloc(places * sizeof *s->offsets);
    s->signs = malloc(places * sizeof *s->signs);
    if (s->points[0] == NULL || (of_d && s->points[1] == NULL) || s->buckets == NULL ||
        s->offsets == NULL || s->signs == NULL) {
        sums_free(s);
        return 0;
    }
    return 1;
}

static void store_coordinate(shared_affine *points, size_t offset, f8m a, size_t n) {
    uint64_t t[COORDINATE][LANES];
    for (int i = 0; i < COORDINATE; i++) v_store(t[i], a.l[i]);
    for (size_t lane = 0; lane < n; lane++)
        for (int i = 0; i < COORDINATE; i++)
            *(uint64_t *)((uint8_t *)&points[lane] + offset + 8 * (size_t)i) = t[i][lane];
}

static void store_points(shared_affine *points, const ge8 *p, size_t n) {
    const f8 x = f8_raw(p->X), y = f8_raw(p->Y), product = f8_mul(p->T, f8_constant(F8_D2));
    store_coordinate(points, offsetof(shared_affine, sum), f8_carry(f8_add(y, x)), n);
    store_coordinate(points, offsetof(shared_affine, difference),
                     f8_carry(f8_sub(f8_biased(y), x)), n);
    store_coordinate(points, offsetof(shared_affine, product), f8_carry(product), n);
    store_coordinate(points, offsetof(shared_affine, negative), f8_carry(f8_neg(product)), n);
}

/* Points of a block of c and, unless it is NULL, d. */
static psi_status load_points(sums *s, const uint8_t *c, const uint8_t *d) {
    const uint8_t *const elements[2] = {c, d};
    for (size_t begin = 0; begin < s->n; begin += DECODED * LANES) {
        const size_t n = s->n - begin < DECODED * LANES ? s->n - begin : DECODED * LANES;
        psi_status first = PSI_GOOD;
        for (int k = 0; k < 2 && elements[k] != NULL; k++) {
            ge8 p[DECODED];
            psi_status bad = psi_v_affine_decode(p, elements[k] + PSI_ELEMENT * begin, n);
            if (bad != PSI_GOOD && (first == PSI_GOOD || bad < first)) first = bad;
            if (bad != PSI_GOOD) continue;
            for (size_t i = 0; i < groups_of(n); i++)
                store_points(s->points[k] + begin + LANES * i, &p[i], rows_of(i, n));
        }
        if (first != PSI_GOOD) return (psi_status)begin + first;
    }
    return PSI_GOOD;
}

/* Digits of weight i: in [-2^(window-1), 2^(window-1)), the topmost not negative. */
static void load_digits(sums *s, size_t i, scalar weight) {
    const int64_t half = INT64_C(1) << (s->window - 1);
    int64_t carry = 0;
    for (int pass = 0; pass < s->passes; pass++) {
        uint16_t *offsets = s->offsets[(size_t)pass * s->size + i];
        unsigned signs = 0;
        for (int lane = 0; lane < LANES; lane++) {
            const int k = LANES * pass + lane, bit = k * s->window, word = bit >> 6, shift = bit & 63;
            int64_t digit = 0;
            if (k < s->windows) {
                uint64_t bits = weight.w[word] >> shift;
                if (shift + s->window > 64 && word < 3) bits |= weight.w[word + 1] << (64 - shift);
                digit = (int64_t)(bits & (2 * (uint64_t)half - 1)) + carry;
                carry = k < s->windows - 1 && digit >= half;
                digit -= carry * 2 * half;
            }
            signs |= (unsigned)(digit < 0) << lane;
            offsets[lane] = (uint16_t)((llabs(digit) * LANES + lane) * POINT);
        }
        s->signs[(size_t)pass * s->size + i] = (lanes)signs;
    }
}

V_INLINE f8m gather(const uint64_t *base, vec index) {
    f8m r;
    UNROLL
    for (int i = 0; i < COORDINATE; i++) r.l[i] = v_gather(base + i, index);
    return r;
}
V_INLINE void scatter(uint64_t *base, vec index, f8m a) {
    UNROLL
    for (int i = 0; i < COORDINATE; i++) v_scatter(base + i, index, a.l[i]);
}
V_INLINE ge8 gather_point(const uint64_t *buckets, vec index) {
    return (ge8){gather(buckets, index), gather(buckets + COORDINATE, index),
                 gather(buckets + 2 * COORDINATE, index), gather(buckets + 3 * COORDINATE, index)};
}
V_INLINE void scatter_point(uint64_t *buckets, vec index, ge8 p) {
    scatter(buckets, index, p.X);
    scatter(buckets + COORDINATE, index, p.Y);
    scatter(buckets + 2 * COORDINATE, index, p.Z);
    scatter(buckets + 3 * COORDINATE, index, p.T);
}

/* The one or, in lanes of the mask, the other, the same in all lanes. */
V_INLINE f8m shared(const uint64_t *when_clear, const uint64_t *when_set, lanes m) {
    f8m r;
    UNROLL
    for (int i = 0; i < COORDINATE; i++)
        r.l[i] = v_select(v_constant(when_clear + i), v_constant(when_set + i), m);
    return r;
}

/* sum digit_i * p_i of eight windows: p_i into bucket |digit_i|, then sum j * bucket_j. */
static ge8 sum_windows(const sums *s, const shared_affine *points, int pass) {
    const size_t rows = rows_for(s, pass);
    uint64_t index[LANES];
    for (uint64_t lane = 0; lane < LANES; lane++) index[lane] = lane * POINT;
    const vec first = v_load(index);
    uint64_t *const buckets = s->buckets;
    for (size_t row = 0; row < rows; row++)
        scatter_point(buckets + row * LANES * POINT, first, ge8_identity());
    for (size_t i = 0; i < s->n; i++) {
        const shared_affine *p = &points[i];
        const size_t place = (size_t)pass * s->size + i;
        const vec bucket = v_load16(s->offsets[place]);
        const lanes negative = s->signs[place];
        ge8_affine q = {shared(p->sum, p->difference, negative),
                        shared(p->difference, p->sum, negative),
                        shared(p->product, p->negative, negative)};
        scatter_point(buckets, bucket, ge8_add_affine(gather_point(buckets, bucket), q));
    }
    ge8 above = ge8_identity(), total = above;
    for (size_t row = rows - 1; row > 0; row--) {
        above = ge8_add(above, gather_point(buckets + row * LANES * POINT, first));
        total = ge8_add(total, above);
    }
    return total;
}

/* One coordinate of eight points. */
static void split_coordinate(fe out[LANES], f8m a) {
    uint8_t bytes[LANES][PSI_ELEMENT];
    vec w[4];
    f8c c = f8_reduce(f8_raw(a));
    v_words_of_limbs(w, c.l);
    v_store_rows(bytes[0], PSI_ELEMENT, LANES, w, 4);
    for (int lane = 0; lane < LANES; lane++) out[lane] = fe_from_bytes(bytes[lane]);
}

static ge sum_block(const sums *s, const shared_affine *points) {
    ge r = GE_IDENTITY;
    for (int pass = s->passes; pass-- > 0;) {
        fe X[LANES], Y[LANES], Z[LANES], T[LANES];
        ge8 windows = sum_windows(s, points, pass);
        split_coordinate(X, windows.X);
        split_coordinate(Y, windows.Y);
        split_coordinate(Z, windows.Z);
        split_coordinate(T, windows.T);
        for (int lane = LANES; lane-- > 0;) {
            for (int i = 0; i < s->window; i++) r = ge_double(r);
            r = ge_add(r, (ge){X[lane], Y[lane], Z[lane], T[lane]});
        }
    }
    return r;
}

/* Either sums with weights from `seeded`, or one with `scalars`. */
static psi_status sum_all(uint8_t *m, uint8_t *z, const uint8_t *c, const uint8_t *d, size_t n,
                          const sha512 *seeded, const uint8_t *scalars) {
    psi_status bad = PSI_GOOD;
    ge total[WAYS] = {GE_IDENTITY, GE_IDENTITY};
    uint8_t ignored[PSI_ELEMENT];
    uint8_t *const out[WAYS] = {m, d != NULL ? z : ignored};
    messages8 messages;
    sums s;
    if (!sums_new(&s, n, seeded != NULL ? WEIGHT_BITS : SCALAR_BITS, d != NULL))
        return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n; begin += s.n) {
        s.n = n - begin < s.size ? n - begin : s.size;
        bad = load_points(&s, c + PSI_ELEMENT * begin,
                          d != NULL ? d + PSI_ELEMENT * begin : NULL);
        if (bad != PSI_GOOD) {
            bad += (psi_status)begin;
            break;
        }
        for (size_t i = 0; i < s.n; i += LANES) {
            scalar weights[LANES];
            const size_t rows = rows_of(i / LANES, s.n);
            if (seeded != NULL) psi_v_weights(&messages, weights, seeded, begin + i, rows);
            for (size_t lane = 0; lane < rows; lane++) {
                if (scalars != NULL)
                    weights[lane] = scalar_load(scalars + PSI_SCALAR * (begin + i + lane));
                load_digits(&s, i + lane, weights[lane]);
            }
        }
        total[0] = ge_add(total[0], sum_block(&s, s.points[0]));
        if (d != NULL) total[1] = ge_add(total[1], sum_block(&s, s.points[1]));
    }
    if (bad == PSI_GOOD) psi_ge_encode(out, total);
    sums_free(&s);
    return bad;
}

psi_status psi_weighted_sums_avx512ifma(uint8_t *m, uint8_t *z, const uint8_t *c,
                                        const uint8_t *d, size_t n, const uint8_t *seed) {
    sha512 seeded;
    if (n == 0) return psi_weighted_sums_portable(m, z, c, d, n, seed);
    psi_sha512_start(&seeded);
    psi_sha512_update(&seeded, seed, PSI_WEIGHT_SEED);
    return sum_all(m, z, c, d, n, &seeded, NULL);
}

psi_status psi_weighted_sum_avx512ifma(uint8_t *out, const uint8_t *elements,
                                       const uint8_t *scalars, size_t n) {
    if (n == 0) return psi_weighted_sum_portable(out, elements, scalars, n);
    return sum_all(out, NULL, elements, NULL, n, NULL, scalars);
}

VEC_END
#endif
