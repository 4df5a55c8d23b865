/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that are written canonically already, or with nothing but `[.]`, `hxxp` and a port to
 * undo. What these functions do not know for certain they leave to Python, whose rules are the
 * ones that count (psi/indicators/canonical.py).
 */
#ifndef PSI_PLAIN_H
#define PSI_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#define PLAIN_MAX 1024               /* bytes of a value; longer ones are Python's */
#define ELEMENT_MAX (PLAIN_MAX + 16) /* with the kind in front */

enum { TLD_UNKNOWN = 0, TLD_KNOWN = 1, TLD_SPECIAL = 2 };

struct tld_slot {
    uint8_t length, what;
    char name[64];
};

struct plain_rules {
    int fold_https;
    int urls;             /* 0 leaves URLs to Python */
    int networks;         /* 0 leaves networks to Python */
    uint8_t suspect[256]; /* first numbers of addresses that may be reserved */
    size_t n_slots;       /* a power of two */
    struct tld_slot *slots;
};

/* 0, or -1 if the name is empty, too long or the table is full. */
int plain_add_tld(struct plain_rules *rules, const char *name, size_t length, uint8_t what);

/*
 * The element of a value as bytes in `out` (ELEMENT_MAX bytes), its length as the result; 0 if
 * that is for Python to find. `typed`: somebody said what it is, so any last label will do.
 * `words`: a comma or semicolon ends a value, as in lines of text.
 */
size_t plain_element(const struct plain_rules *rules, const char *text, size_t length, int typed,
                     int words, char *out);

#endif
