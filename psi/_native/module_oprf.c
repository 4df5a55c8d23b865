/* SPDX-License-Identifier: Apache-2.0 */
/* Python functions on packed texts: hashing to the group, blinding, finalizing. */
#include "boundary.h"

#define VOPRF 1 /* the mode of the sessions of docs/protocol.md */

#define PARSE(format, ...)                                                                         \
    PyArg_ParseTupleAndKeywords(args, keywords, format, names, __VA_ARGS__)

/* Texts and mode, which most functions begin with. */
static int call_texts_mode(call *c, PyObject *data, PyObject *offsets, PyObject *prefix,
                           PyObject *mode_object, psi_texts *texts, uint8_t *mode) {
    uint64_t value;
    if (!call_texts(c, data, offsets, prefix, texts)) return 0;
    if (!number(mode_object, "mode", 0, 1, &value)) return 0;
    *mode = (uint8_t)value;
    return 1;
}

/* Texts and the session's blinds. */
static int call_session(call *c, PyObject *data, PyObject *offsets, PyObject *prefix,
                        PyObject *seed, PyObject *first_j, psi_texts *texts, psi_blinds *blinds) {
    *blinds = (psi_blinds){.seed = NULL};
    return call_texts(c, data, offsets, prefix, texts) &&
           call_exact(c, seed, "session_seed", PSI_SEED, &blinds->seed) &&
           positions(first_j, texts->n, &blinds->first_j);
}

/* The one secret scalar of a batch. */
static int call_key(call *c, PyObject *o, const uint8_t **k) {
    if (!call_exact(c, o, "k", PSI_SCALAR, k)) return 0;
    if (psi_check_scalars(*k, 1) == PSI_GOOD && !psi_is_exceptional(*k)) return 1;
    PyErr_SetString(PyExc_ValueError, "k: expected a scalar below l other than 0 and l - 2");
    return 0;
}

static int output_length(PyObject *o, size_t *length) {
    uint64_t value;
    if (!number(o, "length", 1, PSI_OUTPUT, &value)) return 0;
    *length = (size_t)value;
    return 1;
}

static PyObject *py_uniform_bytes(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", "prefix", "mode", NULL};
    PyObject *data, *offsets, *prefix, *mode_object, *result = NULL;
    psi_texts texts;
    uint8_t mode, *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOO:uniform_bytes", &data, &offsets, &prefix, &mode_object)) goto end;
    if (!call_texts_mode(&c, data, offsets, prefix, mode_object, &texts, &mode)) goto end;
    if ((result = new_bytes(texts.n, PSI_UNIFORM, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, LIGHT);
    psi_status status = c.kernel->uniform_bytes(out, &texts, mode);
    take_gil(gil);
    result = plain_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_hash_to_group(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", "prefix", "mode", NULL};
    PyObject *data, *offsets, *prefix, *mode_object, *result = NULL;
    psi_texts texts;
    uint8_t mode, *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOO:hash_to_group", &data, &offsets, &prefix, &mode_object)) goto end;
    if (!call_texts_mode(&c, data, offsets, prefix, mode_object, &texts, &mode)) goto end;
    if ((result = new_bytes(texts.n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, HEAVY);
    psi_status status = psi_threads_hash_to_group(c.kernel, out, &texts, mode);
    take_gil(gil);
    result = plain_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_blind(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", "prefix", "session_seed", "first_j", NULL};
    PyObject *data, *offsets, *prefix, *seed, *first_j, *result = NULL;
    psi_texts texts;
    psi_blinds blinds;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOOO:blind", &data, &offsets, &prefix, &seed, &first_j)) goto end;
    if (!call_session(&c, data, offsets, prefix, seed, first_j, &texts, &blinds)) goto end;
    if ((result = new_bytes(texts.n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, HEAVY);
    psi_status status = psi_threads_blind(c.kernel, out, &texts, VOPRF, &blinds);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_blind_scalars(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", "prefix", "session_seed", "first_j", NULL};
    PyObject *data, *offsets, *prefix, *seed, *first_j, *result = NULL;
    psi_texts texts;
    psi_blinds blinds;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOOO:blind_scalars", &data, &offsets, &prefix, &seed, &first_j)) goto end;
    if (!call_session(&c, data, offsets, prefix, seed, first_j, &texts, &blinds)) goto end;
    if ((result = new_bytes(texts.n, PSI_SCALAR, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, LIGHT);
    psi_status status = c.kernel->blind_scalars(out, &texts, VOPRF, &blinds);
    take_gil(gil);
    result = plain_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_unblind_finalize(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data",    "offsets",   "prefix", "session_seed",
                            "first_j", "evaluated", "length", NULL};
    PyObject *data, *offsets, *prefix, *seed, *first_j, *evaluated, *size, *result = NULL;
    const uint8_t *elements;
    psi_texts texts;
    psi_blinds blinds;
    size_t length;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOOOOO:unblind_finalize", &data, &offsets, &prefix, &seed, &first_j, &evaluated,
               &size))
        goto end;
    if (!call_session(&c, data, offsets, prefix, seed, first_j, &texts, &blinds)) goto end;
    if (!call_rows_like(&c, evaluated, "evaluated", PSI_ELEMENT, texts.n, &elements)) goto end;
    if (!output_length(size, &length)) goto end;
    if ((result = new_bytes(texts.n, length, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, HEAVY);
    psi_status status = psi_threads_finalize(c.kernel, out, length, &texts, VOPRF, &blinds, elements);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_blind_with(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", "prefix", "mode", "blinds", NULL};
    PyObject *data, *offsets, *prefix, *mode_object, *scalars, *result = NULL;
    psi_texts texts;
    psi_blinds blinds = {.seed = NULL};
    uint8_t mode, *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOOO:blind_with", &data, &offsets, &prefix, &mode_object, &scalars)) goto end;
    if (!call_texts_mode(&c, data, offsets, prefix, mode_object, &texts, &mode)) goto end;
    if (!call_rows_like(&c, scalars, "blinds", PSI_SCALAR, texts.n, &blinds.scalars)) goto end;
    if ((result = new_bytes(texts.n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, HEAVY);
    psi_status status = psi_check_blinds(blinds.scalars, texts.n);
    if (status == PSI_GOOD) status = psi_threads_blind(c.kernel, out, &texts, mode, &blinds);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_finalize_with(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", "prefix", "blinds", "evaluated", "length", NULL};
    PyObject *data, *offsets, *prefix, *scalars, *evaluated, *size, *result = NULL;
    const uint8_t *elements;
    psi_texts texts;
    psi_blinds blinds = {.seed = NULL};
    size_t length;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOOOO:finalize_with", &data, &offsets, &prefix, &scalars, &evaluated, &size))
        goto end;
    if (!call_texts(&c, data, offsets, prefix, &texts)) goto end;
    if (!call_rows_like(&c, scalars, "blinds", PSI_SCALAR, texts.n, &blinds.scalars)) goto end;
    if (!call_rows_like(&c, evaluated, "evaluated", PSI_ELEMENT, texts.n, &elements)) goto end;
    if (!output_length(size, &length)) goto end;
    if ((result = new_bytes(texts.n, length, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, HEAVY);
    psi_status status = psi_check_blinds(blinds.scalars, texts.n);
    if (status == PSI_GOOD)
        status = psi_threads_finalize(c.kernel, out, length, &texts, VOPRF, &blinds, elements);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_evaluate(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"elements", "k", NULL};
    PyObject *elements, *key, *result = NULL;
    const uint8_t *in, *k;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("OO:evaluate", &elements, &key)) goto end;
    if (!call_rows(&c, elements, "elements", PSI_ELEMENT, &in, &n)) goto end;
    if (!call_key(&c, key, &k)) goto end;
    if ((result = new_bytes(n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = psi_threads_evaluate(c.kernel, out, in, n, k);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_table_tags(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", "prefix", "mode", "k", "length", NULL};
    PyObject *data, *offsets, *prefix, *mode_object, *key, *size, *result = NULL;
    const uint8_t *k;
    psi_texts texts;
    size_t length;
    uint8_t mode, *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOOOO:table_tags", &data, &offsets, &prefix, &mode_object, &key, &size)) goto end;
    if (!call_texts_mode(&c, data, offsets, prefix, mode_object, &texts, &mode)) goto end;
    if (!call_key(&c, key, &k) || !output_length(size, &length)) goto end;
    if ((result = new_bytes(texts.n, length, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, HEAVY);
    psi_status status = psi_threads_table_tags(c.kernel, out, length, &texts, mode, k);
    take_gil(gil);
    result = plain_result(result, status);
end:
    return call_end(&c, result);
}

/* An element that the caller vouches for: a pinned public key, the generator. */
static int call_element(call *c, PyObject *o, const char *name, const uint8_t **element) {
    if (!call_exact(c, o, name, PSI_ELEMENT, element)) return 0;
    psi_status status = c->kernel->check_elements(*element, 1);
    if (status == PSI_GOOD) return 1;
    if (status == PSI_NO_MEMORY)
        PyErr_NoMemory();
    else
        PyErr_Format(PyExc_ValueError, "%s: expected a group element other than the identity",
                     name);
    return 0;
}

static PyObject *py_blind_fixed(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", "prefix", "session_seed", "first_j", NULL};
    PyObject *data, *offsets, *prefix, *seed, *first_j, *result = NULL;
    psi_texts texts;
    psi_blinds blinds;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOOO:blind_fixed", &data, &offsets, &prefix, &seed, &first_j)) goto end;
    if (!call_session(&c, data, offsets, prefix, seed, first_j, &texts, &blinds)) goto end;
    blinds.additive = 1;
    if ((result = new_bytes(texts.n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, HEAVY);
    psi_status status = psi_threads_blind_fixed(c.kernel, out, &texts, VOPRF, &blinds);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_unblind_finalize_fixed(PyObject *module, PyObject *args,
                                           PyObject *keywords) {
    static char *names[] = {"data",      "offsets",    "prefix", "session_seed", "first_j",
                            "evaluated", "public_key", "length", NULL};
    PyObject *data, *offsets, *prefix, *seed, *first_j, *evaluated, *key, *size, *result = NULL;
    const uint8_t *elements, *public_key;
    psi_texts texts;
    psi_blinds blinds;
    size_t length;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOOOOOO:unblind_finalize_fixed", &data, &offsets, &prefix, &seed, &first_j,
               &evaluated, &key, &size))
        goto end;
    if (!call_session(&c, data, offsets, prefix, seed, first_j, &texts, &blinds)) goto end;
    blinds.additive = 1;
    if (!call_rows_like(&c, evaluated, "evaluated", PSI_ELEMENT, texts.n, &elements)) goto end;
    if (!call_element(&c, key, "public_key", &public_key)) goto end;
    if (!output_length(size, &length)) goto end;
    if ((result = new_bytes(texts.n, length, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, HEAVY);
    psi_status status = psi_threads_finalize_fixed(c.kernel, out, length, &texts, VOPRF, &blinds,
                                                   elements, public_key);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_mul_fixed(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"element", "scalars", NULL};
    PyObject *element, *scalars, *result = NULL;
    const uint8_t *base, *factors;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("OO:mul_fixed", &element, &scalars)) goto end;
    if (!call_element(&c, element, "element", &base)) goto end;
    if (!call_rows(&c, scalars, "scalars", PSI_SCALAR, &factors, &n)) goto end;
    if (!call_scalars(&c, scalars, "scalars", n, &factors)) goto end;
    if ((result = new_bytes(n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = psi_threads_mul_fixed(c.kernel, out, base, factors, n);
    take_gil(gil);
    result = plain_result(result, status);
end:
    return call_end(&c, result);
}

PyMethodDef psi_oprf_methods[] = {
    METHOD(uniform_bytes, "64 uniform bytes of each text."),
    METHOD(hash_to_group, "The element of each text."),
    METHOD(blind, "Blinded elements, with blinds derived from the session's seed."),
    METHOD(blind_scalars, "The blinds that blind() uses; for tests."),
    METHOD(unblind_finalize, "PRF outputs from evaluated elements, with blinds as in blind()."),
    METHOD(blind_with, "Blinded elements, with given blinds."),
    METHOD(finalize_with, "PRF outputs from evaluated elements, with given blinds."),
    METHOD(evaluate, "Each element times one secret scalar."),
    METHOD(table_tags, "PRF outputs of each text under a known key."),
    METHOD(blind_fixed, "Blinded elements, additively, with blinds from the session's seed."),
    METHOD(unblind_finalize_fixed, "PRF outputs, with blinds as in blind_fixed()."),
    METHOD(mul_fixed, "One element times each scalar, from a table."),
    {NULL, NULL, 0, NULL},
};
