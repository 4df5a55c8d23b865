/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-base multiplication after Bernstein, Duif, Lange, Schwabe, Yang 2011, section 4: 64 signed
 * digits of four bits, a table of j * 256^i * G for j = 1..8 and i = 0..31. The odd digits are
 * summed, multiplied by 16, and the even ones added: 64 additions, 4 doublings.
 */
#include "base.h"

#define COLUMNS BASE_COLUMNS

static base_table generator;

void psi_base_build(base_table *table, ge p) {
    fe inverse[COLUMNS], running[COLUMNS];
    ge row[COLUMNS];
    for (int i = 0; i < BASE_ROWS; i++) {
        row[0] = p;
        for (int j = 1; j < COLUMNS; j++) row[j] = ge_add(row[j - 1], p);
        for (int j = 0; j < COLUMNS; j++) inverse[j] = row[j].Z;
        psi_fe_invert_batch(inverse, running, COLUMNS);
        for (int j = 0; j < COLUMNS; j++) {
            fe x = fe_mul(row[j].X, inverse[j]), y = fe_mul(row[j].Y, inverse[j]);
            table->rows[i][j] = ge_affine_of(x, y, fe_mul(x, y));
        }
        for (int j = 0; j < 8; j++) p = ge_double(p);
    }
}

/* Callers hold the interpreter's lock; readers do not, so the table is made once and then stays. */
void psi_base_prepare(void) {
    static int ready = 0;
    if (ready) return;
    psi_base_build(&generator,
                   (ge){FE_BASE_X, FE_BASE_Y, FE_ONE, fe_mul(FE_BASE_X, FE_BASE_Y)});
    ready = 1;
}

/* digit times the first of a row, for a digit in [-8, 8]; reads the whole row. */
static ge_affine look_up(const ge_affine row[COLUMNS], int8_t digit) {
    uint64_t negative = mask_of_bit((uint8_t)digit >> 7);
    uint64_t size = ((uint64_t)(int64_t)digit ^ negative) - negative;
    ge_affine r = {FE_ONE, FE_ONE, FE_ZERO};
    for (uint64_t j = 0; j < COLUMNS; j++) {
        uint64_t here = mask_is_zero(size ^ (j + 1));
        r.sum = fe_select(r.sum, row[j].sum, here);
        r.difference = fe_select(r.difference, row[j].difference, here);
        r.product = fe_select(r.product, row[j].product, here);
    }
    fe sum = r.sum;
    r.sum = fe_select(r.sum, r.difference, negative);
    r.difference = fe_select(r.difference, sum, negative);
    r.product = fe_negate_if(r.product, negative);
    return r;
}

ge psi_base_product(const base_table *table, scalar s) {
    int8_t digits[64];
    int8_t carry = 0;
    for (int i = 0; i < 64; i++) {
        int8_t digit = (int8_t)((s.w[i >> 4] >> (4 * (i & 15)) & 15) + (uint8_t)carry);
        carry = (int8_t)((digit + 8) >> 4); /* 1 from 8 on; s < 2^253 ends without a carry */
        digits[i] = (int8_t)(digit - 16 * carry);
    }
    ge p = GE_IDENTITY;
    for (int i = 1; i < 64; i += 2) p = ge_add_affine(p, look_up(table->rows[i / 2], digits[i]));
    for (int i = 0; i < 4; i++) p = ge_double(p);
    for (int i = 0; i < 64; i += 2) p = ge_add_affine(p, look_up(table->rows[i / 2], digits[i]));
    wipe(digits, sizeof digits);
    return p;
}

ge_doubled psi_base_multiply(scalar s) {
    scalar half = scalar_half(s);
    ge p = psi_base_product(&generator, half);
    ge_doubled r = ge_double_unfinished(p);
    wipe(&half, sizeof half);
    wipe(&p, sizeof p);
    return r;
}
