/* SPDX-License-Identifier: Apache-2.0 */
/* Python functions on scalars, and plain hashes of counters and texts. */
#include "boundary.h"

#define PARSE(format, ...)                                                                         \
    PyArg_ParseTupleAndKeywords(args, keywords, format, names, __VA_ARGS__)

static PyObject *py_check_scalars(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"scalars", NULL};
    PyObject *scalars, *result = NULL;
    const uint8_t *in;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("O:check_scalars", &scalars)) goto end;
    if (!call_rows(&c, scalars, "scalars", PSI_SCALAR, &in, &n)) goto end;
    result = status_result(psi_check_scalars(in, n));
end:
    return call_end(&c, result);
}

static PyObject *py_scalar_reduce(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"wide", NULL};
    PyObject *wide, *result = NULL;
    const uint8_t *in;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("O:scalar_reduce", &wide)) goto end;
    if (!call_rows(&c, wide, "wide", 64, &in, &n)) goto end;
    if ((result = new_bytes(n, PSI_SCALAR, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, LIGHT);
    psi_scalar_reduce(out, in, n);
    take_gil(gil);
end:
    return call_end(&c, result);
}

static PyObject *py_scalar_invert(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"scalars", NULL};
    PyObject *scalars, *result = NULL;
    const uint8_t *in;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("O:scalar_invert", &scalars)) goto end;
    if (!call_rows(&c, scalars, "scalars", PSI_SCALAR, &in, &n)) goto end;
    if ((result = new_bytes(n, PSI_SCALAR, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, LIGHT);
    psi_status status = psi_scalar_invert(out, in, n);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_scalar_muladd(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"a", "b", "c", NULL};
    PyObject *a, *b, *addend, *result = NULL;
    const uint8_t *in_a, *in_b, *in_c;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOO:scalar_muladd", &a, &b, &addend)) goto end;
    if (!call_scalars(&c, a, "a", 1, &in_a) || !call_scalars(&c, b, "b", 1, &in_b)) goto end;
    if (!call_scalars(&c, addend, "c", 1, &in_c)) goto end;
    if ((result = new_bytes(1, PSI_SCALAR, &out)) == NULL) goto end;
    psi_scalar_muladd(out, in_a, in_b, in_c);
end:
    return call_end(&c, result);
}

static PyObject *py_scalar_sub(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"a", "b", NULL};
    PyObject *a, *b, *result = NULL;
    const uint8_t *in_a, *in_b;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OO:scalar_sub", &a, &b)) goto end;
    if (!call_scalars(&c, a, "a", 1, &in_a) || !call_scalars(&c, b, "b", 1, &in_b)) goto end;
    if ((result = new_bytes(1, PSI_SCALAR, &out)) == NULL) goto end;
    psi_scalar_subtract(out, in_a, in_b);
end:
    return call_end(&c, result);
}

static PyObject *py_dummy_inputs(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"session_seed", "first_j", "n", NULL};
    PyObject *seed, *first, *count, *result = NULL;
    const uint8_t *key;
    uint64_t first_j, n;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOO:dummy_inputs", &seed, &first, &count)) goto end;
    if (!call_exact(&c, seed, "session_seed", PSI_SEED, &key)) goto end;
    if (!number(count, "n", 0, UINT32_MAX, &n) || !positions(first, n, &first_j)) goto end;
    if ((result = new_bytes(n, 32, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, LIGHT);
    psi_dummy_inputs(out, key, first_j, n);
    take_gil(gil);
end:
    return call_end(&c, result);
}

static PyObject *py_counter_tags(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"prefix", "first_j", "n", "length", NULL};
    PyObject *prefix, *first, *count, *size, *result = NULL;
    const uint8_t *in;
    size_t in_length;
    uint64_t first_j, n, length;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOOO:counter_tags", &prefix, &first, &count, &size)) goto end;
    if (!call_bytes(&c, prefix, "prefix", &in, &in_length)) goto end;
    if (!number(count, "n", 0, UINT32_MAX, &n) || !positions(first, n, &first_j)) goto end;
    if (!number(size, "length", 1, PSI_OUTPUT, &length)) goto end;
    if ((result = new_bytes(n, length, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, LIGHT);
    psi_counter_tags(out, length, in, in_length, first_j, n);
    take_gil(gil);
end:
    return call_end(&c, result);
}

static PyObject *py_packed_digest(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"data", "offsets", NULL};
    PyObject *data, *offsets, *result = NULL;
    psi_texts texts;
    uint8_t *out;
    call c;
    call_begin(&c, module);
    if (!PARSE("OO:packed_digest", &data, &offsets)) goto end;
    if (!call_texts(&c, data, offsets, NULL, &texts)) goto end;
    if ((result = new_bytes(1, 32, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(texts.n, LIGHT);
    psi_packed_digest(out, &texts);
    take_gil(gil);
end:
    return call_end(&c, result);
}

PyMethodDef psi_scalar_methods[] = {
    METHOD(check_scalars, "Index of the first scalar that is not below l, or -1."),
    METHOD(scalar_reduce, "64 little-endian bytes each, mod l."),
    METHOD(scalar_invert, "The inverse of each scalar."),
    METHOD(scalar_muladd, "a*b + c mod l."),
    METHOD(scalar_sub, "a - b mod l."),
    METHOD(dummy_inputs, "HMAC-SHA256(session_seed, \"OVL1-DUMMY\" || u64(j)) for n positions."),
    METHOD(counter_tags, "The first bytes of SHA512(prefix || u64(j)) for n positions."),
    METHOD(packed_digest, "SHA-256 of a length-prefixed list of texts."),
    {NULL, NULL, 0, NULL},
};
