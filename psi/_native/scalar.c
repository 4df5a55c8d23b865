/* SPDX-License-Identifier: Apache-2.0 */
/* Products, reduction and inversion mod l. */
#include "scalar.h"

static const uint64_t L_INVERSE = 0xd2b51da312547e1b; /* -1/l mod 2^64 */
static const scalar R_MOD_L = {
    {0xd6ec31748d98951d, 0xc6ef5bf4737dcf70, 0xfffffffffffffffe, 0x0fffffffffffffff}};
static const scalar RR_MOD_L = {
    {0xa40611e3449c0f01, 0xd00e1ba768859347, 0xceec73d217f5be65, 0x0399411b7c309a3d}};

/* a*b/R mod l for a < 2^256, b < l: the sum before the shift is < 2^256 * 2l. */
static scalar montgomery_mul(scalar a, scalar b) {
    uint64_t t[5] = {0};
    for (int i = 0; i < 4; i++) {
        u128 c = 0;
        for (int j = 0; j < 4; j++) {
            c += (u128)a.w[i] * b.w[j] + t[j];
            t[j] = (uint64_t)c;
            c >>= 64;
        }
        u128 top = (u128)t[4] + (uint64_t)c;
        uint64_t q = t[0] * L_INVERSE;
        c = ((u128)q * SCALAR_L.w[0] + t[0]) >> 64;
        for (int j = 1; j < 4; j++) {
            c += (u128)q * SCALAR_L.w[j] + t[j];
            t[j - 1] = (uint64_t)c;
            c >>= 64;
        }
        top += (uint64_t)c;
        t[3] = (uint64_t)top;
        t[4] = (uint64_t)(top >> 64);
    }
    /* 2l < 2^254, so t[4] is zero by now */
    return scalar_reduce_once((scalar){{t[0], t[1], t[2], t[3]}});
}

scalar psi_scalar_mul(scalar a, scalar b) {
    return montgomery_mul(a, montgomery_mul(b, RR_MOD_L));
}

scalar psi_scalar_wide(const uint8_t wide[64]) {
    scalar low = montgomery_mul(scalar_load(wide), R_MOD_L);
    scalar high = montgomery_mul(scalar_load(wide + 32), RR_MOD_L);
    return scalar_add(low, high);
}

/* a^(l-2) by windows of four bits; the exponent is public. In and out in Montgomery form. */
static scalar montgomery_invert(scalar a) {
    scalar power[16];
    power[0] = R_MOD_L;
    for (int i = 1; i < 16; i++) power[i] = montgomery_mul(power[i - 1], a);
    scalar exponent = SCALAR_L;
    exponent.w[0] -= 2;
    scalar r = R_MOD_L;
    for (int i = 252; i >= 0; i -= 4) {
        for (int j = 0; j < 4; j++) r = montgomery_mul(r, r);
        r = montgomery_mul(r, power[exponent.w[i >> 6] >> (i & 63) & 15]);
    }
    wipe(power, sizeof power);
    return r;
}

void psi_scalar_invert_batch(scalar *x, scalar *running, size_t n) {
    scalar product = R_MOD_L;
    for (size_t i = 0; i < n; i++) {
        running[i] = product;
        x[i] = montgomery_mul(x[i], RR_MOD_L);
        product = montgomery_mul(product, scalar_select(x[i], R_MOD_L, scalar_is_zero(x[i])));
    }
    scalar inverse = montgomery_invert(product);
    for (size_t i = n; i-- > 0;) {
        static const scalar one = {{1, 0, 0, 0}};
        uint64_t zero = scalar_is_zero(x[i]);
        scalar factor = scalar_select(x[i], R_MOD_L, zero);
        scalar inverted = montgomery_mul(montgomery_mul(inverse, running[i]), one);
        inverse = montgomery_mul(inverse, factor);
        x[i] = scalar_select(inverted, (scalar){{0, 0, 0, 0}}, zero);
    }
}
