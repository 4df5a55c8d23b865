/* SPDX-License-Identifier: Apache-2.0 */
/* Powers, square roots and inversion on eight lanes. */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_field.h"

/*
 * A chain of squarings waits for the latency of each: 62 cycles alone, 37 each for two chains side
 * by side, 33 for three. Functions for one, two and three chains, and what to call for n.
 */
#define CHAINS 3

#define DEFINE_CHAINS(W)                                                                           \
    OUTLINE void square_n_##W(f8m *r, const f8m *a, int n) {                                       \
        f8m t[W];                                                                                  \
        UNROLL                                                                                     \
        for (int w = 0; w < W; w++) t[w] = f8_carry(f8_sqr(a[w]));                                 \
        for (int i = 1; i < n; i++) {                                                              \
            UNROLL                                                                                 \
            for (int w = 0; w < W; w++) t[w] = f8_carry(f8_sqr(t[w]));                             \
        }                                                                                          \
        UNROLL                                                                                     \
        for (int w = 0; w < W; w++) r[w] = t[w];                                                   \
    }

DEFINE_CHAINS(1)
DEFINE_CHAINS(2)
DEFINE_CHAINS(3)

static void square_n(f8m *r, const f8m *a, int n, int chains) {
    if (chains == 3)
        square_n_3(r, a, n);
    else if (chains == 2)
        square_n_2(r, a, n);
    else
        square_n_1(r, a, n);
}

OUTLINE void multiply(f8m *r, const f8m *a, const f8m *b, int chains) {
    for (int w = 0; w < chains; w++) r[w] = f8_carry(f8_mul(a[w], b[w]));
}

/* a = z^11, b = z^(2^250 - 1). x_n stands for z^(2^n - 1). */
static void pow_250(f8m *a, f8m *b, const f8m *z, int chains) {
    f8m x5[CHAINS], x10[CHAINS], x20[CHAINS], x50[CHAINS], t[CHAINS];
    square_n(x5, z, 1, chains); /* z^2 */
    square_n(t, x5, 2, chains);
    multiply(t, t, z, chains); /* z^9 */
    multiply(a, t, x5, chains);
    square_n(x5, a, 1, chains);
    multiply(x5, x5, t, chains);
    square_n(t, x5, 5, chains);
    multiply(x10, t, x5, chains);
    square_n(t, x10, 10, chains);
    multiply(x20, t, x10, chains);
    square_n(t, x20, 20, chains);
    multiply(t, t, x20, chains);
    square_n(t, t, 10, chains);
    multiply(x50, t, x10, chains);
    square_n(t, x50, 50, chains);
    multiply(b, t, x50, chains); /* x100 */
    square_n(t, b, 100, chains);
    multiply(t, t, b, chains);
    square_n(t, t, 50, chains);
    multiply(b, t, x50, chains);
}

/* SQRT_RATIO_M1 for at most CHAINS groups. */
static void sqrt_ratio(f8m *r, lanes *square, const f8m *u, const f8m *v, int chains) {
    const f8m i = f8_constant(F8_SQRT_M1);
    f8m uv3[CHAINS], uv7[CHAINS], z11[CHAINS], t[CHAINS];
    for (int w = 0; w < chains; w++) {
        f8m v3 = f8_carry(f8_mul(f8_carry(f8_sqr(v[w])), v[w]));
        uv3[w] = f8_carry(f8_mul(u[w], v3));
        uv7[w] = f8_carry(f8_mul(uv3[w], f8_carry(f8_mul(v3, v[w]))));
    }
    pow_250(z11, t, uv7, chains);
    square_n(t, t, 2, chains);
    multiply(t, t, uv7, chains); /* (u v^7)^((p-5)/8) */
    for (int w = 0; w < chains; w++) {
        f8m root = f8_carry(f8_mul(uv3[w], t[w]));
        f8 check = f8_mul(v[w], f8_carry(f8_sqr(root))), target = f8_raw(u[w]);
        lanes correct = f8_is_zero(f8_sub(f8_biased(check), target));
        lanes flipped = f8_is_zero(f8_add(check, target));
        lanes flipped_i = f8_is_zero(f8_add(check, f8_mul(u[w], i)));
        f8 s = f8_select(f8_raw(root), f8_mul(root, i), (lanes)(flipped | flipped_i));
        r[w] = f8_carry(f8_negate_if(s, f8_is_negative(s)));
        square[w] = (lanes)(correct | flipped);
    }
}

/* Three at a time, but not one at the end where twice two will do. */
void psi_v_sqrt_ratio(f8m *r, lanes *square, const f8m *u, const f8m *v, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t chains = n - i == 4 ? 2 : n - i < CHAINS ? n - i : CHAINS;
        sqrt_ratio(r + i, square + i, u + i, v + i, (int)chains);
        i += chains;
    }
}

void psi_v_invert_batch(f8m *x, f8m *running, size_t n) {
    const f8m one = f8_constant(F8_ONE), zero = f8_carry(f8_zero());
    f8m product = one, z11, t;
    for (size_t i = 0; i < n; i++) {
        running[i] = product;
        lanes none = f8_is_zero(f8_raw(x[i]));
        product = f8_carry(f8_mul(product, f8_select_m(x[i], one, none)));
    }
    pow_250(&z11, &t, &product, 1); /* z^(p-2) = z^(2^255 - 21) */
    square_n(&t, &t, 5, 1);
    f8m inverse = f8_carry(f8_mul(t, z11));
    for (size_t i = n; i-- > 0;) {
        lanes none = f8_is_zero(f8_raw(x[i]));
        f8m factor = f8_select_m(x[i], one, none);
        x[i] = f8_select_m(f8_carry(f8_mul(inverse, running[i])), zero, none);
        inverse = f8_carry(f8_mul(inverse, factor));
    }
}

VEC_END
#endif
