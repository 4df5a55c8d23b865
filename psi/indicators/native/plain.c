/* SPDX-License-Identifier: Apache-2.0 */
#include "plain.h"

#include <string.h>

enum {
    DIGIT = 1,
    LOWER = 2,
    HEX = 4,      /* of either case */
    EDGE = 8,     /* begins or ends a label: letter, digit, underscore */
    INNER = 16,   /* within a label: the same and a hyphen */
    PATH = 32,    /* stands for itself in a path */
    QUERY = 64,   /* and in a query */
    LAST = 128,   /* ends a query without being stripped */
};

/* One row a class of characters; the sets are those of the expressions in canonical.py. */
static const struct {
    const char *characters;
    uint8_t classes;
} SETS[] = {
    {"0123456789", DIGIT | HEX | EDGE | INNER | PATH | QUERY | LAST},
    {"abcdef", LOWER | HEX | EDGE | INNER | PATH | QUERY | LAST},
    {"ghijklmnopqrstuvwxyz", LOWER | EDGE | INNER | PATH | QUERY | LAST},
    {"ABCDEF", HEX | PATH | QUERY | LAST},
    {"GHIJKLMNOPQRSTUVWXYZ", PATH | QUERY | LAST},
    {"_", EDGE | INNER | PATH | QUERY},
    {"-", INNER | PATH | QUERY},
    {"=", PATH | QUERY | LAST},
    {".~!$&*+,;:@", PATH | QUERY},
    {"/?", QUERY},
};

static uint8_t CLASS[256];

__attribute__((constructor)) static void fill_classes(void) {
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++)
        for (const char *c = SETS[i].characters; *c; c++) CLASS[(uint8_t)*c] = SETS[i].classes;
}

static inline int is(char c, uint8_t classes) {
    return CLASS[(uint8_t)c] & classes;
}

static size_t tld_start(const struct plain_rules *rules, const char *name, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return (hash ^ hash >> 15) & (rules->n_slots - 1);
}

int plain_add_tld(struct plain_rules *rules, const char *name, size_t length, uint8_t what) {
    if (length == 0 || length >= sizeof rules->slots->name) return -1;
    size_t at = tld_start(rules, name, length);
    for (size_t tried = 0; tried < rules->n_slots; tried++, at = (at + 1) & (rules->n_slots - 1)) {
        struct tld_slot *slot = &rules->slots[at];
        if (slot->length != 0) continue;
        slot->length = (uint8_t)length;
        slot->what = what;
        memcpy(slot->name, name, length);
        return 0;
    }
    return -1;
}

static int tld_of(const struct plain_rules *rules, const char *name, size_t length) {
    size_t at = tld_start(rules, name, length);
    for (;;) { /* the table is at most half full, so there is an end */
        const struct tld_slot *slot = &rules->slots[at];
        if (slot->length == 0) return TLD_UNKNOWN;
        if (slot->length == length && memcmp(slot->name, name, length) == 0) return slot->what;
        at = (at + 1) & (rules->n_slots - 1);
    }
}

static size_t element(char *out, const char *kind, const char *value, size_t length) {
    size_t prefix = strlen(kind);
    memcpy(out, kind, prefix);
    memcpy(out + prefix, value, length);
    return prefix + length;
}

/* Bytes of a dotted address at the start of the text, 0 if there is none; its first number. */
static size_t dotted(const char *text, size_t length, unsigned *first) {
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        if (part > 0 && (at >= length || text[at++] != '.')) return 0;
        size_t start = at;
        unsigned number = 0;
        while (at < length && at - start < 3 && is(text[at], DIGIT))
            number = number * 10 + (unsigned)(text[at++] - '0');
        if (at == start || number > 255 || (text[start] == '0' && at - start > 1)) return 0;
        if (part == 0) *first = number;
    }
    return at;
}

/* An address, with a port behind a colon or, where that does not end a word, a bar. */
static size_t address(const struct plain_rules *rules, const char *text, size_t length, int words,
                      char *out) {
    unsigned first = 0;
    size_t end = dotted(text, length, &first);
    if (end == 0 || rules->suspect[first]) return 0;
    if (end < length) {
        size_t digits = length - end - 1;
        if (text[end] != ':' && (words || text[end] != '|')) return 0;
        if (digits < 1 || digits > 5) return 0;
        for (size_t i = end + 1; i < length; i++)
            if (!is(text[i], DIGIT)) return 0;
    }
    return element(out, "ip:", text, end);
}

/* The number at the start of the text, without leading zeros; its digits, 0 if there is none. */
static size_t decimal(const char *text, size_t length, unsigned limit, unsigned *number) {
    size_t at = 0;
    for (*number = 0; at < length && is(text[at], DIGIT); at++) {
        *number = *number * 10 + (unsigned)(text[at] - '0');
        if (*number > limit) return 0;
    }
    return at > 1 && text[0] == '0' ? 0 : at;
}

static char *put_decimal(char *out, unsigned number) {
    if (number >= 100) *out++ = (char)('0' + number / 100);
    if (number >= 10) *out++ = (char)('0' + number / 10 % 10);
    *out++ = (char)('0' + number % 10);
    return out;
}

/* A network of 8 to 31 bits, its host bits masked. */
static size_t network(const struct plain_rules *rules, const char *text, size_t length, char *out) {
    unsigned first = 0, bits = 0;
    size_t end = dotted(text, length, &first);
    if (!rules->networks || end == 0 || rules->suspect[first]) return 0;
    if (end + 2 > length || text[end] != '/') return 0;
    size_t digits = decimal(text + end + 1, length - end - 1, 31, &bits);
    if (digits == 0 || end + 1 + digits != length || bits < 8) return 0;
    memcpy(out, "cidr:", 5);
    char *to = out + 5;
    for (unsigned part = 0; part < 4; part++) {
        unsigned number = 0, kept = bits > 8 * part ? bits - 8 * part : 0;
        size_t size = decimal(text, 3, 255, &number);
        if (kept < 8) number &= 0xff00u >> kept & 0xff;
        to = put_decimal(to, number);
        *to++ = part < 3 ? '.' : '/';
        text += size + 1;
    }
    to = put_decimal(to, bits);
    return (size_t)(to - out);
}

static size_t hash(const char *text, size_t length, char *out) {
    static const char EMPTY[][9] = {"d41d8cd9", "da39a3ee", "e3b0c442"};
    const char *kind = length == 32    ? "hex32:"
                       : length == 40  ? "hex40:"
                       : length == 64  ? "hex64:"
                       : length == 56  ? "hex56:"
                       : length == 96  ? "hex96:"
                       : length == 128 ? "hex128:"
                                       : NULL;
    if (kind == NULL) return 0;
    size_t prefix = strlen(kind);
    memcpy(out, kind, prefix);
    char *digits = out + prefix, first = (char)(text[0] | 0x20);
    int same = 1;
    for (size_t i = 0; i < length; i++) {
        if (!is(text[i], HEX)) return 0;
        digits[i] = (char)(text[i] | 0x20); /* digits have that bit already */
        same &= digits[i] == first;
    }
    /* Hashes of nothing have a reason of their own. */
    if (same) return 0;
    for (size_t i = 0; i < 3; i++)
        if (memcmp(digits, EMPTY[i], 8) == 0) return 0;
    return prefix + length;
}

/* Whether the text is a name that needs no conversion and is no local one. */
static int is_name(const struct plain_rules *rules, const char *text, size_t length, int typed) {
    if (length > 253) return 0;
    size_t start = 0;
    int dots = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != '.') {
            if (!is(text[i], INNER)) return 0;
            if (text[i] == '-' && i >= 3 && i + 1 < length && memcmp(text + i - 3, "xn-", 3) == 0)
                return 0;
            continue;
        }
        size_t size = i - start;
        if (size < 1 || size > 63 || !is(text[start], EDGE) || !is(text[i - 1], EDGE)) return 0;
        if (i < length) {
            dots++;
            start = i + 1;
        }
    }
    size_t size = length - start;
    if (dots == 0 || size < 2 || !is(text[start], LOWER) || text[length - 1] == '_') return 0;
    for (size_t i = start; i < length; i++)
        if (text[i] == '_') return 0;
    int what = tld_of(rules, text + start, size);
    return what == TLD_KNOWN || (what == TLD_UNKNOWN && typed);
}

/* Whether path and query, which begin with a slash, would stay as they are. */
static int is_path(const char *text, size_t length, int words) {
    size_t i = 0;
    while (i < length && text[i] != '?') {
        if (text[i] != '/') {
            if (!is(text[i], PATH) || (words && (text[i] == ',' || text[i] == ';'))) return 0;
            i++;
            continue;
        }
        /* A segment of one or two dots is resolved. */
        size_t dots = i + 1;
        while (dots < length && dots < i + 3 && text[dots] == '.') dots++;
        if (dots > i + 1 && (dots == length || text[dots] == '/' || text[dots] == '?')) return 0;
        i++;
    }
    char last = text[length - 1];
    if (i == length) return last != ',' && last != ';' && last != '.';
    if (i + 1 == length || !is(last, LAST)) return 0;
    for (i++; i < length; i++)
        if (!is(text[i], QUERY) || (words && (text[i] == ',' || text[i] == ';'))) return 0;
    return 1;
}

static size_t url(const struct plain_rules *rules, const char *text, size_t length, int words,
                  char *out) {
    size_t secure = text[4] == 's', start = 7 + secure;
    if (!rules->urls || length <= start || memcmp(text + 4 + secure, "://", 3) != 0) return 0;
    const char *slash = memchr(text + start, '/', length - start);
    if (slash == NULL) return 0;
    size_t host = (size_t)(slash - text) - start;
    if (!is_name(rules, text + start, host, 1)) return 0;
    if (!is_path(slash, length - start - host, words)) return 0;
    if (!secure || !rules->fold_https) return element(out, "url:", text, length);
    size_t prefix = element(out, "url:", "http", 4);
    return prefix + element(out + prefix, "", text + 5, length - 5);
}

/* The text with `[.]` and `hxxp` undone, in `buffer` if anything changed; NULL: for Python. */
static const char *refanged(const char *text, size_t *length, char *buffer) {
    size_t n = *length;
    int is_http = n > 8 && (text[0] | 0x20) == 'h' && (text[1] | 0x20) == 'x' &&
                  (text[2] | 0x20) == 'x' && (text[3] | 0x20) == 'p' &&
                  (text[4] == ':' || ((text[4] | 0x20) == 's' && text[5] == ':'));
    if (!is_http && memchr(text, '[', n) == NULL) return text;
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '[') {
            if (i + 2 >= n || text[i + 1] != '.' || text[i + 2] != ']') return NULL;
            buffer[size++] = '.';
            i += 2;
        } else {
            buffer[size++] = text[i];
        }
    }
    if (is_http) {
        memcpy(buffer, "http", 4);
        if (buffer[4] == 'S') return NULL;
    }
    *length = size;
    return buffer;
}

size_t plain_element(const struct plain_rules *rules, const char *text, size_t length, int typed,
                     int words, char *out) {
    char buffer[PLAIN_MAX];
    if (length < 4 || length > PLAIN_MAX) return 0;
    text = refanged(text, &length, buffer);
    if (text == NULL || length < 4) return 0;
    size_t size = is(text[0], DIGIT) ? address(rules, text, length, words, out) : 0;
    if (size == 0 && is(text[0], DIGIT)) size = network(rules, text, length, out);
    if (size == 0 && length >= 32 && is(text[0], HEX)) size = hash(text, length, out);
    if (size != 0) return size;
    if (length > 8 && memcmp(text, "http", 4) == 0 && (text[4] == ':' || text[5] == ':'))
        return url(rules, text, length, words, out);
    return is_name(rules, text, length, typed) ? element(out, "domain:", text, length) : 0;
}
