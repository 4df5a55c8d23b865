/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight lanes of 64 bits, with two back ends: AVX-512 IFMA, and with -DPSI_PLAIN_LANES plain C, in
 * which memcheck and the sanitizers see every lane. Included first by every file of this kernel.
 * Everything is constant time; `lanes` is a mask of eight bits, lane 0 lowest.
 */
#ifndef PSI_VEC_H
#define PSI_VEC_H

/* The pragma comes before all includes: what they define inline must be of the same target. */
#if !defined(PSI_PLAIN_LANES) && !defined(__clang__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma")
#endif

#include "portable.h"

#define LANES 8
#define LIMB52 ((UINT64_C(1) << 52) - 1)
typedef uint8_t lanes;

/*
 * All must be inline and loops over limbs unrolled, whatever the compiler thinks of it: 3.6 or 5.1 us
 * a ladder. In plain C that would only take minutes to compile.
 */
#if defined(PSI_PLAIN_LANES)
#define V_INLINE static __attribute__((noinline, unused))
#define UNROLL
#else
#define V_INLINE INLINE
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#endif

#if !defined(PSI_PLAIN_LANES)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma"))), apply_to = function)
#define VEC_END _Pragma("clang attribute pop")
#else
#define VEC_END
#endif

typedef __m512i vec;

V_INLINE vec v_zero(void) { return _mm512_setzero_si512(); }
V_INLINE vec v_all(uint64_t x) { return _mm512_set1_epi64((long long)x); }
/*
 * A constant of an inner loop, from memory: a load costs nothing there, but the broadcast of a
 * general register, which gcc would make of it in each round, one of the two ports.
 */
V_INLINE vec v_constant(const uint64_t *p) {
    vec r;
    __asm__("vpbroadcastq %1, %0" : "=v"(r) : "m"(*p));
    return r;
}
V_INLINE vec v_load(const uint64_t p[LANES]) { return _mm512_loadu_si512(p); }
V_INLINE vec v_load16(const uint16_t p[LANES]) {
    return _mm512_cvtepu16_epi64(_mm_loadu_si128((const __m128i *)p));
}
V_INLINE void v_store(uint64_t p[LANES], vec a) { _mm512_storeu_si512(p, a); }
V_INLINE vec v_add(vec a, vec b) { return _mm512_add_epi64(a, b); }
V_INLINE vec v_sub(vec a, vec b) { return _mm512_sub_epi64(a, b); }
V_INLINE vec v_and(vec a, vec b) { return _mm512_and_si512(a, b); }
V_INLINE vec v_or(vec a, vec b) { return _mm512_or_si512(a, b); }
V_INLINE vec v_xor(vec a, vec b) { return _mm512_xor_si512(a, b); }
/* a ^ b ^ c; b where a is set, else c; the majority. */
V_INLINE vec v_xor3(vec a, vec b, vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
V_INLINE vec v_choose(vec a, vec b, vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0xca); }
V_INLINE vec v_majority(vec a, vec b, vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0xe8); }
/* Shifts and rotations by constants. */
#define v_shl(a, n) _mm512_slli_epi64(a, n)
#define v_shr(a, n) _mm512_srli_epi64(a, n)
#define v_ror(a, n) _mm512_ror_epi64(a, n)
/* acc + the low, the high 52 bits of the product of the low 52 bits of a and b. */
V_INLINE vec v_lo(vec acc, vec a, vec b) { return _mm512_madd52lo_epu64(acc, a, b); }
V_INLINE vec v_hi(vec acc, vec a, vec b) { return _mm512_madd52hi_epu64(acc, a, b); }
V_INLINE vec v_select(vec when_clear, vec when_set, lanes m) {
    return _mm512_mask_blend_epi64(m, when_clear, when_set);
}
V_INLINE lanes v_is_zero(vec a) { return _mm512_testn_epi64_mask(a, a); }
/* The lowest, the highest bit of each lane. */
V_INLINE lanes v_low_bits(vec a) { return _mm512_test_epi64_mask(a, _mm512_set1_epi64(1)); }
V_INLINE lanes v_high_bits(vec a) { return _mm512_movepi64_mask(a); }
/* table[index] of sixteen words, by the low four bits: no address depends on them. */
V_INLINE vec v_lookup16(const uint64_t table[16], vec index) {
    return _mm512_permutex2var_epi64(_mm512_load_si512(table), index,
                                     _mm512_load_si512(table + 8));
}
/* Bytes of each lane reversed. */
V_INLINE vec v_swap_bytes(vec a) {
    const __m512i order = _mm512_set4_epi64(0x08090a0b0c0d0e0f, 0x0001020304050607,
                                            0x08090a0b0c0d0e0f, 0x0001020304050607);
    return _mm512_shuffle_epi8(a, order);
}
/* base[index[lane]] for each lane. VARIABLE TIME: the addresses depend on the index. */
V_INLINE vec v_gather(const uint64_t *base, vec index) {
    return _mm512_i64gather_epi64(index, base, 8);
}
V_INLINE void v_scatter(uint64_t *base, vec index, vec a) {
    _mm512_i64scatter_epi64(base, index, a, 8);
}

#else

#define VEC_END

typedef struct {
    uint64_t x[LANES];
} vec;

#define V_EACH(expression)                                                                         \
    do {                                                                                           \
        vec r;                                                                                     \
        for (int i = 0; i < LANES; i++) r.x[i] = (expression);                                     \
        return r;                                                                                  \
    } while (0)
#define V_MASK(bit)                                                                                \
    do {                                                                                           \
        unsigned r = 0;                                                                            \
        for (int i = 0; i < LANES; i++) r |= (unsigned)(bit) << i;                                 \
        return (lanes)r;                                                                           \
    } while (0)

V_INLINE vec v_all(uint64_t x) { V_EACH(x); }
V_INLINE vec v_constant(const uint64_t *p) { return v_all(*p); }
V_INLINE vec v_zero(void) { return v_all(0); }
V_INLINE vec v_load(const uint64_t p[LANES]) { V_EACH(p[i]); }
V_INLINE vec v_load16(const uint16_t p[LANES]) { V_EACH(p[i]); }
V_INLINE void v_store(uint64_t p[LANES], vec a) { memcpy(p, a.x, sizeof a.x); }
V_INLINE vec v_add(vec a, vec b) { V_EACH(a.x[i] + b.x[i]); }
V_INLINE vec v_sub(vec a, vec b) { V_EACH(a.x[i] - b.x[i]); }
V_INLINE vec v_and(vec a, vec b) { V_EACH(a.x[i] & b.x[i]); }
V_INLINE vec v_or(vec a, vec b) { V_EACH(a.x[i] | b.x[i]); }
V_INLINE vec v_xor(vec a, vec b) { V_EACH(a.x[i] ^ b.x[i]); }
V_INLINE vec v_xor3(vec a, vec b, vec c) { V_EACH(a.x[i] ^ b.x[i] ^ c.x[i]); }
V_INLINE vec v_choose(vec a, vec b, vec c) { V_EACH((a.x[i] & b.x[i]) | (~a.x[i] & c.x[i])); }
V_INLINE vec v_majority(vec a, vec b, vec c) {
    V_EACH((a.x[i] & b.x[i]) | (c.x[i] & (a.x[i] | b.x[i])));
}
V_INLINE vec v_shl(vec a, int n) { V_EACH(a.x[i] << n); }
V_INLINE vec v_shr(vec a, int n) { V_EACH(a.x[i] >> n); }
V_INLINE vec v_ror(vec a, int n) { V_EACH(a.x[i] >> n | a.x[i] << (64 - n)); }
V_INLINE vec v_lo(vec acc, vec a, vec b) {
    V_EACH(acc.x[i] + (uint64_t)((u128)(a.x[i] & LIMB52) * (b.x[i] & LIMB52) & LIMB52));
}
V_INLINE vec v_hi(vec acc, vec a, vec b) {
    V_EACH(acc.x[i] + (uint64_t)((u128)(a.x[i] & LIMB52) * (b.x[i] & LIMB52) >> 52));
}
V_INLINE vec v_select(vec when_clear, vec when_set, lanes m) {
    V_EACH(select64(when_clear.x[i], when_set.x[i], mask_of_bit(m >> i & 1)));
}
V_INLINE lanes v_is_zero(vec a) { V_MASK(mask_is_zero(a.x[i]) & 1); }
V_INLINE lanes v_low_bits(vec a) { V_MASK(a.x[i] & 1); }
V_INLINE lanes v_high_bits(vec a) { V_MASK(a.x[i] >> 63); }
V_INLINE vec v_lookup16(const uint64_t table[16], vec index) {
    vec r = v_all(table[0]);
    for (uint64_t j = 1; j < 16; j++)
        for (int i = 0; i < LANES; i++)
            r.x[i] = select64(r.x[i], table[j], mask_is_zero((index.x[i] & 15) ^ j));
    return r;
}
V_INLINE vec v_swap_bytes(vec a) { V_EACH(__builtin_bswap64(a.x[i])); }
V_INLINE vec v_gather(const uint64_t *base, vec index) { V_EACH(base[index.x[i]]); }
V_INLINE void v_scatter(uint64_t *base, vec index, vec a) {
    for (int i = 0; i < LANES; i++) base[index.x[i]] = a.x[i];
}

#endif

/* 256 bits in four words as five limbs of 52 bits, and back. */
V_INLINE void v_limbs_of_words(vec l[5], const vec w[4]) {
    const vec m = v_all(LIMB52);
    l[0] = v_and(w[0], m);
    l[1] = v_and(v_or(v_shr(w[0], 52), v_shl(w[1], 12)), m);
    l[2] = v_and(v_or(v_shr(w[1], 40), v_shl(w[2], 24)), m);
    l[3] = v_and(v_or(v_shr(w[2], 28), v_shl(w[3], 36)), m);
    l[4] = v_shr(w[3], 16);
}
V_INLINE void v_words_of_limbs(vec w[4], const vec l[5]) {
    w[0] = v_or(l[0], v_shl(l[1], 52));
    w[1] = v_or(v_shr(l[1], 12), v_shl(l[2], 40));
    w[2] = v_or(v_shr(l[2], 24), v_shl(l[3], 28));
    w[3] = v_or(v_shr(l[3], 36), v_shl(l[4], 16));
}

/* scratch_new, aligned as lanes must be. */
V_INLINE void *v_scratch_new(size_t size) { return aligned_alloc(64, (size + 63) & ~(size_t)63); }

/* Word k of `words` consecutive words of eight rows, `stride` bytes apart, of which n exist. */
V_INLINE void v_load_rows(vec *out, int words, const uint8_t *rows, size_t stride, size_t n) {
    uint64_t t[LANES][LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        /* a lane without a row repeats the last one */
        const uint8_t *row = rows + stride * (lane < n ? lane : n - 1);
        for (int k = 0; k < words; k++) t[k][lane] = load_le64(row + 8 * k);
    }
    for (int k = 0; k < words; k++) out[k] = v_load(t[k]);
}

V_INLINE void v_store_rows(uint8_t *rows, size_t stride, size_t n, const vec *in, int words) {
    uint64_t t[LANES][LANES];
    for (int k = 0; k < words; k++) v_store(t[k], in[k]);
    for (size_t lane = 0; lane < LANES && lane < n; lane++)
        for (int k = 0; k < words; k++) store_le64(rows + stride * lane + 8 * k, t[k][lane]);
}

#endif
