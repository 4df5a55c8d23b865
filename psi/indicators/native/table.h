/* SPDX-License-Identifier: Apache-2.0 */
/* Distinct byte strings, numbered in order of first appearance. */
#ifndef PSI_TABLE_H
#define PSI_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define TABLE_UNWANTED (-1)
#define TABLE_NO_MEMORY (-2)
#define TABLE_MAX_KINDS 32
#define TABLE_MAX_ROWS 0x7ffffffe

struct table {
    uint64_t key[2]; /* of SipHash-1-3: a feed cannot be written so that it collides */
    char *data;
    size_t size, room;
    uint64_t *ends; /* rows + 1 entries, the first of them 0 */
    uint32_t *hashes;
    uint8_t *kinds;
    size_t rows, row_room;
    uint32_t *slots; /* row + 1, or 0 */
    size_t n_slots;  /* a power of two, more than twice the rows */
    size_t n_kinds;
    uint8_t wanted[TABLE_MAX_KINDS];
    uint8_t kind_length[TABLE_MAX_KINDS];
    char kind_name[TABLE_MAX_KINDS][16];
};

/* 0, or TABLE_NO_MEMORY; the kinds and the key are set by the caller. */
int table_init(struct table *table);
void table_free(struct table *table);

/* The row of an element `kind:value`, or one of the two codes. */
int64_t table_add(struct table *table, const char *element, size_t length);

#endif
