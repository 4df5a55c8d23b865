/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that are in use, and their check. Variable time: all of this is public. */
#include "fixed.h"

#include <pthread.h>

#include "portable_operations.h"
#include "sha512.h"

/* Servers whose tables are kept; a table takes 30 to 170 KB. */
#define SLOTS 8
#define ALIGNMENT 64 /* of vectors */

typedef struct {
    const table_kind *kind;
    uint8_t element[PSI_ELEMENT];
    void *table; /* NULL: an empty slot */
    size_t users;
    uint64_t used; /* the clock when it was last acquired */
} slot;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static slot slots[SLOTS];
static uint64_t clock_now;

/* In the child of a fork nobody uses a table, and who held the lock is gone. */
static void forget(void) {
    pthread_mutex_init(&lock, NULL);
    for (slot *s = slots; s < slots + SLOTS; s++) s->users = 0;
}

static void watch_forks(void) { (void)pthread_atfork(NULL, NULL, forget); }

/* 16 coefficients a digest. */
static void coefficients(uint32_t *c, size_t n, const uint8_t element[PSI_ELEMENT]) {
    static const char label[] = "OVL1-TABLE";
    uint8_t digest[SHA512_BYTES], number[4];
    for (size_t i = 0; i < n; i++) {
        if (i % 16 == 0) {
            sha512 s;
            store_be32(number, (uint32_t)i);
            psi_sha512_start(&s);
            psi_sha512_update(&s, (const uint8_t *)label, sizeof label - 1);
            psi_sha512_update(&s, element, PSI_ELEMENT);
            psi_sha512_update(&s, number, sizeof number);
            psi_sha512_finish(&s, digest);
        }
        c[i] = load_be32(digest + 4 * (i % 16)) | 1; /* no entry goes unseen */
    }
}

int psi_table_is_right(const table_kind *kind, const void *table,
                       const uint8_t element[PSI_ELEMENT]) {
    uint32_t *c = malloc(kind->entries * sizeof *c);
    ge sum[WAYS] = {GE_IDENTITY, GE_IDENTITY};
    uint8_t got[WAYS][PSI_ELEMENT], expected[PSI_ELEMENT], factor[PSI_SCALAR];
    uint8_t *const out[WAYS] = {got[0], got[1]};
    scalar total = {{0, 0, 0, 0}};
    if (c == NULL) return 0;
    coefficients(c, kind->entries, element);
    for (int bit = 31; bit >= 0; bit--) {
        sum[0] = ge_double(sum[0]);
        for (size_t i = 0; i < kind->entries; i++)
            if (c[i] >> bit & 1) sum[0] = ge_add_affine(sum[0], kind->entry(table, i));
    }
    for (size_t i = 0; i < kind->entries; i++)
        total = scalar_add(total,
                           psi_scalar_mul(kind->multiple(i), (scalar){{c[i], 0, 0, 0}}));
    free(c);
    psi_ge_encode(out, sum);
    scalar_store(factor, total);
    return psi_mul_portable(expected, element, factor, 1) == PSI_GOOD &&
           memcmp(got[0], expected, PSI_ELEMENT) == 0;
}

/* A table that is right, at the second attempt at the latest. */
static void *make(const table_kind *kind, const uint8_t element[PSI_ELEMENT],
                  psi_status *status) {
    const uint8_t *const in[WAYS] = {element, element};
    ge point[WAYS];
    uint64_t valid[WAYS];
    void *table = aligned_alloc(ALIGNMENT, (kind->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (table == NULL) {
        *status = PSI_NO_MEMORY;
        return NULL;
    }
    psi_ge_decode(point, valid, in);
    for (int attempt = 0; attempt < 2; attempt++) {
        kind->build(table, point[0]);
        if (psi_table_is_right(kind, table, element)) return table;
    }
    free(table);
    *status = PSI_FAULT;
    return NULL;
}

const void *psi_table_acquire(const table_kind *kind, const uint8_t element[PSI_ELEMENT],
                              psi_status *status) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    slot *oldest = NULL, *found = NULL;
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&lock);
    for (slot *s = slots; s < slots + SLOTS && found == NULL; s++) {
        if (s->table != NULL && s->kind == kind && memcmp(s->element, element, PSI_ELEMENT) == 0)
            found = s;
        else if (s->users == 0 && (oldest == NULL || s->used < oldest->used))
            oldest = s;
    }
    if (found == NULL && oldest == NULL) { /* all are in use: one more that is not kept */
        pthread_mutex_unlock(&lock);
        return make(kind, element, status);
    }
    if (found == NULL) {
        void *old = oldest->table;
        oldest->table = NULL; /* a child forked now must find the slot empty */
        free(old);
        oldest->table = make(kind, element, status);
        oldest->kind = kind;
        memcpy(oldest->element, element, PSI_ELEMENT);
        found = oldest;
    }
    found->used = ++clock_now;
    if (found->table != NULL) found->users++;
    const void *table = found->table;
    pthread_mutex_unlock(&lock);
    return table;
}

void psi_table_release(const void *table) {
    slot *found = NULL;
    pthread_mutex_lock(&lock);
    for (slot *s = slots; s < slots + SLOTS; s++)
        if (s->table == table) found = s;
    if (found != NULL) found->users--;
    pthread_mutex_unlock(&lock);
    if (found == NULL) free((void *)table);
}
