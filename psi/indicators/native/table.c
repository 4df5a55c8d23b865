/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define ROTATE(x, b) ((x) << (b) | (x) >> (64 - (b)))
#define ROUND(v)                                                                                   \
    do {                                                                                           \
        v[0] += v[1], v[1] = ROTATE(v[1], 13) ^ v[0], v[0] = ROTATE(v[0], 32);                     \
        v[2] += v[3], v[3] = ROTATE(v[3], 16) ^ v[2];                                              \
        v[0] += v[3], v[3] = ROTATE(v[3], 21) ^ v[0];                                              \
        v[2] += v[1], v[1] = ROTATE(v[1], 17) ^ v[2], v[2] = ROTATE(v[2], 32);                     \
    } while (0)

/* SipHash-1-3 (Aumasson, Bernstein), folded to 32 bits; the byte order does not matter here. */
static uint32_t hash_of(const uint64_t key[2], const char *data, size_t length) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    uint64_t word;
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        memcpy(&word, data + at, 8);
        v[3] ^= word;
        ROUND(v);
        v[0] ^= word;
    }
    word = 0;
    memcpy(&word, data + at, length - at);
    word |= (uint64_t)length << 56;
    v[3] ^= word;
    ROUND(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    ROUND(v);
    ROUND(v);
    ROUND(v);
    word = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(word ^ word >> 32);
}

/* A larger block, or the old one untouched. */
static int grow(void *block, size_t count, size_t size) {
    void *old, *larger;
    memcpy(&old, block, sizeof old);
    if (count > SIZE_MAX / size || (larger = realloc(old, count * size)) == NULL)
        return TABLE_NO_MEMORY;
    memcpy(block, &larger, sizeof larger);
    return 0;
}

static int more_slots(struct table *table) {
    size_t n_slots = table->n_slots * 2;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL) return TABLE_NO_MEMORY;
    for (size_t row = 0; row < table->rows; row++) {
        size_t at = table->hashes[row] & (n_slots - 1);
        while (slots[at] != 0) at = (at + 1) & (n_slots - 1);
        slots[at] = (uint32_t)row + 1;
    }
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    return 0;
}

static int more_rows(struct table *table) {
    size_t room = table->row_room + table->row_room / 4 + 1024;
    if (grow(&table->ends, room + 1, sizeof *table->ends) != 0) return TABLE_NO_MEMORY;
    if (grow(&table->hashes, room, sizeof *table->hashes) != 0) return TABLE_NO_MEMORY;
    if (grow(&table->kinds, room, sizeof *table->kinds) != 0) return TABLE_NO_MEMORY;
    table->row_room = room;
    return 0;
}

int table_init(struct table *table) {
    table->n_slots = 4096;
    table->slots = calloc(table->n_slots, sizeof *table->slots);
    if (table->slots == NULL || more_rows(table) != 0) return TABLE_NO_MEMORY;
    table->ends[0] = 0;
    return 0;
}

void table_free(struct table *table) {
    free(table->data);
    free(table->ends);
    free(table->hashes);
    free(table->kinds);
    free(table->slots);
    table->data = NULL;
    table->ends = NULL;
    table->hashes = table->slots = NULL;
    table->kinds = NULL;
    table->size = table->room = table->rows = table->row_room = table->n_slots = 0;
}

/* The code of the kind before the first colon, or the number of kinds. */
static size_t kind_of(const struct table *table, const char *element, size_t length) {
    size_t kind = 0;
    for (; kind < table->n_kinds; kind++) {
        size_t name = table->kind_length[kind];
        if (length > name && element[name] == ':' &&
            memcmp(element, table->kind_name[kind], name) == 0)
            break;
    }
    return kind;
}

int64_t table_add(struct table *table, const char *element, size_t length) {
    uint32_t hash = hash_of(table->key, element, length);
    size_t at = hash & (table->n_slots - 1);
    uint32_t row;
    while ((row = table->slots[at]) != 0) {
        uint64_t start = table->ends[row - 1];
        if (table->hashes[row - 1] == hash && table->ends[row] - start == length &&
            memcmp(table->data + start, element, length) == 0)
            return row - 1;
        at = (at + 1) & (table->n_slots - 1);
    }
    size_t kind = kind_of(table, element, length);
    if (kind == table->n_kinds || !table->wanted[kind]) return TABLE_UNWANTED;
    if (table->rows == TABLE_MAX_ROWS) return TABLE_NO_MEMORY;
    if (table->rows == table->row_room && more_rows(table) != 0) return TABLE_NO_MEMORY;
    if (table->room - table->size < length) {
        size_t room = table->room + table->room / 4 + length + 65536;
        if (grow(&table->data, room, 1) != 0) return TABLE_NO_MEMORY;
        table->room = room;
    }
    memcpy(table->data + table->size, element, length);
    table->size += length;
    table->hashes[table->rows] = hash;
    table->kinds[table->rows] = (uint8_t)kind;
    table->ends[++table->rows] = table->size;
    table->slots[at] = (uint32_t)table->rows;
    if (table->rows * 2 >= table->n_slots && more_slots(table) != 0) return TABLE_NO_MEMORY;
    return (int64_t)table->rows - 1;
}
