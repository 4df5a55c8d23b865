/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation with its secrets poisoned: memcheck reports each branch, index and address that
 * depends on one. Run by `make constant-time`; the last operation leaks on purpose, and a run in
 * which memcheck does not find that leak has shown nothing.
 */
#include "kernel.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#define N 19 /* more than two groups of eight lanes, and a rest */
#define TEXT 9

static uint8_t elements[32 * N], scalars[32 * N], blinds[32 * N], uniform[64 * N], out[64 * N];
static uint8_t seed[32], key[32], data[N * TEXT], prefix[33];
static uint64_t offsets[N + 1];
static unsigned reports;

static void poison(void *p, size_t n) { (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n); }

static void finished(const char *what) {
    unsigned now = VALGRIND_COUNT_ERRORS;
    printf("%-28s %u\n", what, now - reports);
    reports = now;
}

static void fill(uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)rand();
}

/* Scalars below the group order. */
static void fill_scalars(uint8_t *p, size_t n) {
    fill(p, 32 * n);
    for (size_t i = 0; i < n; i++) p[32 * i + 31] = 0;
}

int main(int argc, char **argv) {
    const struct psi_kernel *k = psi_kernel_find(argc > 1 ? argv[1] : "portable");
    if (k == NULL || !RUNNING_ON_VALGRIND) return 2;
    if (k->prepare != NULL) k->prepare();
    srand(3);
    fill(data, sizeof data);
    fill(uniform, sizeof uniform);
    fill(seed, sizeof seed);
    fill_scalars(scalars, N);
    fill_scalars(blinds, N);
    fill_scalars(key, 1);
    for (int i = 0; i <= N; i++) offsets[i] = (uint64_t)i * TEXT;
    k->element_from_uniform(elements, uniform, N);
    psi_texts texts = {data, offsets, N, prefix, sizeof prefix};
    psi_blinds derived = {.seed = seed, .first_j = 5}, given = {.scalars = blinds};
    psi_blinds additive = {.seed = seed, .first_j = 5, .additive = 1};

    poison(data, sizeof data);
    poison(seed, sizeof seed);
    poison(scalars, sizeof scalars);
    poison(blinds, sizeof blinds);
    poison(key, sizeof key);
    poison(uniform, sizeof uniform);
    k->uniform_bytes(out, &texts, 1), finished("uniform_bytes");
    k->element_from_uniform(out, uniform, N), finished("element_from_uniform");
    k->hash_to_group(out, &texts, 1), finished("hash_to_group");
    k->blind(out, &texts, 1, &derived), finished("blind");
    k->blind_scalars(out, &texts, 1, &derived), finished("blind_scalars");
    k->blind(out, &texts, 1, &given), finished("blind_with");
    k->finalize(out, 64, &texts, 1, &derived, elements), finished("unblind_finalize");
    k->finalize(out, 64, &texts, 1, &given, elements), finished("finalize_with");
    k->evaluate(out, elements, N, key), finished("evaluate");
    k->table_tags(out, 64, &texts, 1, key), finished("table_tags");
    k->mul(out, elements, scalars, N), finished("mul");
    k->mul_base(out, scalars, N), finished("mul_base");
    k->blind_fixed(out, &texts, 1, &additive), finished("blind_fixed");
    k->finalize_fixed(out, 64, &texts, 1, &additive, elements, elements),
        finished("unblind_finalize_fixed");
    k->mul_fixed(out, elements, scalars, N), finished("mul_fixed");
    psi_scalar_reduce(out, uniform, N), finished("scalar_reduce");
    psi_scalar_invert(out, blinds, N), finished("scalar_invert");
    psi_scalar_muladd(out, key, scalars, blinds), finished("scalar_muladd");
    psi_scalar_subtract(out, key, scalars), finished("scalar_sub");
    psi_dummy_inputs(out, seed, 5, N), finished("dummy_inputs");
    psi_counter_tags(out, TEXT, data, 40, 5, N), finished("counter_tags");
    unsigned found = VALGRIND_COUNT_ERRORS;

    out[key[0] & 63] = 1;
    if (key[1] & 1) out[0] ^= 1;
    unsigned planted = VALGRIND_COUNT_ERRORS - found;
    finished("a planted leak");
    if (planted == 0) puts("memcheck did not find the planted leak: nothing was shown");
    return found != 0 || planted == 0;
}
