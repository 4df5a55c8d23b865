/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file of the portable kernel includes first: the compiler it needs, the code
 * generation it depends on, loads and stores, masks, and the wiping of scratch.
 */
#ifndef PSI_PORTABLE_H
#define PSI_PORTABLE_H

#if !defined(__GNUC__) || !defined(__SIZEOF_INT128__)
#error "the portable kernel needs gcc or clang with unsigned __int128 (a 64-bit target)"
#endif

/*
 * The speed must not depend on the user's CFLAGS. The vectoriser turns five-limb structs into
 * vector stores that stall the following scalar loads: 43 us instead of 29 us a multiplication.
 * The pragma comes before all includes, because gcc does not inline across differing options.
 */
#if !defined(__clang__)
#pragma GCC optimize("O3", "no-tree-vectorize", "no-tree-slp-vectorize")
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline, unused))

/* For long code that is called from many places; clones of it would fall out of the cache. */
#if defined(__clang__)
#define OUTLINE static __attribute__((noinline))
#else
#define OUTLINE static __attribute__((noinline, noclone))
#endif

__extension__ typedef unsigned __int128 u128;

/* The compiler must not learn that a mask is 0 or ~0, or it may turn a selection into a branch. */
INLINE uint64_t hide(uint64_t x) {
    __asm__("" : "+r"(x));
    return x;
}

/* All masks are 0 or ~0. `bit` is 0 or 1. */
INLINE uint64_t mask_of_bit(uint64_t bit) { return hide(0 - bit); }

INLINE uint64_t mask_is_zero(uint64_t x) { return hide(((x | (0 - x)) >> 63) - 1); }

INLINE uint64_t select64(uint64_t when_clear, uint64_t when_set, uint64_t mask) {
    return when_clear ^ (mask & (when_clear ^ when_set));
}

/*
 * A fact about a secret on which the code may branch, because the protocol makes it public: that a
 * scalar is out of range, that a blind is refused. Built with -DPSI_POISON, for a run under memcheck
 * with secrets marked undefined, it marks the fact defined.
 */
#ifdef PSI_POISON
#include <valgrind/memcheck.h>
INLINE uint64_t reveal(uint64_t fact) {
    (void)VALGRIND_MAKE_MEM_DEFINED(&fact, sizeof fact);
    return fact;
}
#else
INLINE uint64_t reveal(uint64_t fact) { return fact; }
#endif

/* Erases scratch. The empty assembly claims to read the memory, so the store must happen. */
INLINE void wipe(void *p, size_t length) {
    memset(p, 0, length);
    __asm__ volatile("" : : "r"(p) : "memory");
}

/* Scratch of one call, on the heap because blocks are too large for a stack of unknown size. */
INLINE void *scratch_new(size_t size) { return malloc(size); }

INLINE void scratch_free(void *p, size_t size) {
    if (p != NULL) {
        wipe(p, size);
        free(p);
    }
}

INLINE uint64_t load_le64(const uint8_t *p) {
    uint64_t x = 0;
    for (int i = 0; i < 8; i++) x |= (uint64_t)p[i] << (8 * i);
    return x;
}

INLINE void store_le64(uint8_t *p, uint64_t x) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(x >> (8 * i));
}

INLINE uint64_t load_be64(const uint8_t *p) {
    uint64_t x = 0;
    for (int i = 0; i < 8; i++) x |= (uint64_t)p[i] << (56 - 8 * i);
    return x;
}

INLINE void store_be64(uint8_t *p, uint64_t x) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(x >> (56 - 8 * i));
}

INLINE uint32_t load_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

INLINE void store_be32(uint8_t *p, uint32_t x) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(x >> (24 - 8 * i));
}

INLINE void store_be16(uint8_t *p, uint32_t x) {
    p[0] = (uint8_t)(x >> 8);
    p[1] = (uint8_t)x;
}

#endif
