/* SPDX-License-Identifier: Apache-2.0 */
/* Powers, square roots and inversion in the field of 2^255 - 19. */
#include "field.h"

#include "constants.h"

/* r = a^(2^n). */
OUTLINE void square_n(fe r[WAYS], const fe a[WAYS], int n) {
    fe t[WAYS];
    for (int w = 0; w < WAYS; w++) t[w] = fe_sqr_soon(a[w]);
    for (int i = 1; i < n; i++)
        for (int w = 0; w < WAYS; w++) t[w] = fe_sqr_soon(t[w]);
    for (int w = 0; w < WAYS; w++) r[w] = t[w];
}

OUTLINE void multiply(fe r[WAYS], const fe a[WAYS], const fe b[WAYS]) {
    for (int w = 0; w < WAYS; w++) r[w] = fe_mul(a[w], b[w]);
}

/* a = z^11, b = z^(2^250 - 1): what the powers below share. x_n stands for z^(2^n - 1). */
static void pow_250(fe a[WAYS], fe b[WAYS], const fe z[WAYS]) {
    fe z2[WAYS], z9[WAYS], x5[WAYS], x10[WAYS], x20[WAYS], x50[WAYS], x100[WAYS], t[WAYS];
    square_n(z2, z, 1);
    square_n(t, z2, 2);
    multiply(z9, t, z);
    multiply(a, z9, z2);
    square_n(t, a, 1);
    multiply(x5, t, z9);
    square_n(t, x5, 5);
    multiply(x10, t, x5);
    square_n(t, x10, 10);
    multiply(x20, t, x10);
    square_n(t, x20, 20);
    multiply(t, t, x20);
    square_n(t, t, 10);
    multiply(x50, t, x10);
    square_n(t, x50, 50);
    multiply(x100, t, x50);
    square_n(t, x100, 100);
    multiply(t, t, x100);
    square_n(t, t, 50);
    multiply(b, t, x50);
}

void psi_fe_pow_p58(fe r[WAYS], const fe z[WAYS]) {
    fe z11[WAYS], t[WAYS];
    pow_250(z11, t, z);
    square_n(t, t, 2);
    multiply(r, t, z);
}

/* z^(p-2) = z^(2^255 - 21). */
static fe invert(fe z) {
    fe zs[WAYS], z11[WAYS], t[WAYS];
    for (int w = 0; w < WAYS; w++) zs[w] = z;
    pow_250(z11, t, zs);
    square_n(t, t, 5);
    return fe_mul(t[0], z11[0]);
}

void psi_fe_sqrt_ratio(fe r[WAYS], uint64_t square[WAYS], const fe u[WAYS], const fe v[WAYS]) {
    fe uv3[WAYS], t[WAYS];
    for (int w = 0; w < WAYS; w++) {
        fe v3 = fe_mul(fe_sqr(v[w]), v[w]);
        uv3[w] = fe_mul(u[w], v3);
        t[w] = fe_mul(uv3[w], fe_mul(v3, v[w])); /* u v^7 */
    }
    psi_fe_pow_p58(t, t);
    for (int w = 0; w < WAYS; w++) {
        fe root = fe_mul(uv3[w], t[w]);
        fe check = fe_mul(v[w], fe_sqr(root));
        fe target = fe_carry(u[w]);
        uint64_t correct = fe_equal(check, target);
        uint64_t flipped = fe_is_zero(fe_add(check, target));
        uint64_t flipped_i = fe_is_zero(fe_add(check, fe_mul(target, FE_SQRT_M1)));
        root = fe_select(root, fe_mul(root, FE_SQRT_M1), flipped | flipped_i);
        r[w] = fe_carry(fe_abs(root));
        square[w] = correct | flipped;
    }
}

void psi_fe_invert_batch(fe *x, fe *running, size_t n) {
    fe product = FE_ONE;
    for (size_t i = 0; i < n; i++) {
        running[i] = product;
        product = fe_mul(product, fe_select(x[i], FE_ONE, fe_is_zero(x[i])));
    }
    fe inverse = invert(product);
    for (size_t i = n; i-- > 0;) {
        uint64_t zero = fe_is_zero(x[i]);
        fe factor = fe_select(x[i], FE_ONE, zero);
        x[i] = fe_select(fe_mul(inverse, running[i]), FE_ZERO, zero);
        inverse = fe_mul(inverse, factor);
    }
}
