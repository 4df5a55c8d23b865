/* SPDX-License-Identifier: Apache-2.0 */
/* Field constants: RFC 9496 section 4.1, and the map to Curve25519 of RFC 7748 section 4.1. */
#ifndef PSI_CONSTANTS_H
#define PSI_CONSTANTS_H

#include "field.h"

#define FE_CONSTANT static const fe __attribute__((unused))

/* -121665/121666 */
FE_CONSTANT FE_D = {{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb,
                     0x52036cee2b6ff}};
/* 2d */
FE_CONSTANT FE_D2 = {{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977,
                      0x2406d9dc56dff}};
/* sqrt(-1) */
FE_CONSTANT FE_SQRT_M1 = {{0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e,
                           0x2b8324804fc1d}};
/* sqrt(a*d - 1), a = -1 */
FE_CONSTANT FE_SQRT_AD_MINUS_ONE = {{0x7f6a0497b2e1b, 0x1836f0a97afd2, 0x7d747f6be7638, 0x456079e7e6498,
                                     0x376931bf2b834}};
/* 1/sqrt(a - d) */
FE_CONSTANT FE_INVSQRT_A_MINUS_D = {{0x0fdaa805d40ea, 0x2eb482e57d339, 0x007610274bc58, 0x6510b613dc8ff,
                                     0x786c8905cfaff}};
/* 1 - d^2 */
FE_CONSTANT FE_ONE_MINUS_D_SQ = {{0x409c1945fc176, 0x719abc6a1fc4f, 0x1c37f90b20684, 0x06bccca55eedf,
                                  0x029072a8b2b3e}};
/* (d - 1)^2 */
FE_CONSTANT FE_D_MINUS_ONE_SQ = {{0x55aaa44ed4d20, 0x59603c3332635, 0x26d3baf4a7928, 0x120a66e6997a9,
                                  0x5968b37af66c2}};
/* sqrt(-486664) = -2/sqrt(a - d): x = MONTGOMERY * u / v */
FE_CONSTANT FE_MONTGOMERY = {{0x604aaff457e06, 0x2296fa350598d, 0x7f13dfb16874f, 0x35de93d846e01,
                              0x0f26edf460a00}};
/* the base point of RFC 8032: y = 4/5 */
FE_CONSTANT FE_BASE_X = {{0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe,
                          0x216936d3cd6e5}};
FE_CONSTANT FE_BASE_Y = {{0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333,
                          0x6666666666666}};

#endif
