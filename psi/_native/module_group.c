/* SPDX-License-Identifier: Apache-2.0 */
/* Python functions on elements. */
#include "boundary.h"

#define PARSE(format, ...)                                                                         \
    PyArg_ParseTupleAndKeywords(args, keywords, format, names, __VA_ARGS__)

static PyObject *py_element_from_uniform(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"uniform", NULL};
    PyObject *uniform, *result = NULL;
    const uint8_t *in;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("O:element_from_uniform", &uniform)) goto end;
    if (!call_rows(&c, uniform, "uniform", PSI_UNIFORM, &in, &n)) goto end;
    if ((result = new_bytes(n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = psi_threads_element_from_uniform(c.kernel, out, in, n);
    take_gil(gil);
    result = plain_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_check_elements(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"elements", NULL};
    PyObject *elements, *result = NULL;
    const uint8_t *in;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("O:check_elements", &elements)) goto end;
    if (!call_rows(&c, elements, "elements", PSI_ELEMENT, &in, &n)) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = psi_threads_check_elements(c.kernel, in, n);
    take_gil(gil);
    result = status_result(status);
end:
    return call_end(&c, result);
}

static PyObject *py_mul(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"elements", "scalars", NULL};
    PyObject *elements, *scalars, *result = NULL;
    const uint8_t *in, *factors;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("OO:mul", &elements, &scalars)) goto end;
    if (!call_rows(&c, elements, "elements", PSI_ELEMENT, &in, &n)) goto end;
    if (!call_scalars(&c, scalars, "scalars", n, &factors)) goto end;
    if ((result = new_bytes(n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = psi_threads_mul(c.kernel, out, in, factors, n);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_mul_base(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"scalars", NULL};
    PyObject *scalars, *result = NULL;
    const uint8_t *in;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("O:mul_base", &scalars)) goto end;
    if (!call_rows(&c, scalars, "scalars", PSI_SCALAR, &in, &n)) goto end;
    if (!call_scalars(&c, scalars, "scalars", n, &in)) goto end;
    if ((result = new_bytes(n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = c.kernel->mul_base(out, in, n);
    take_gil(gil);
    result = plain_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_add(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"a", "b", NULL};
    PyObject *a, *b, *result = NULL;
    const uint8_t *left, *right;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("OO:add", &a, &b)) goto end;
    if (!call_rows(&c, a, "a", PSI_ELEMENT, &left, &n)) goto end;
    if (!call_rows_like(&c, b, "b", PSI_ELEMENT, n, &right)) goto end;
    if ((result = new_bytes(n, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = psi_threads_add(c.kernel, out, left, right, n);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_prove_sums(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"c", "seed", NULL};
    PyObject *elements, *seed, *result = NULL;
    const uint8_t *in, *weights;
    uint8_t *m;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("OO:prove_sums", &elements, &seed)) goto end;
    if (!call_rows(&c, elements, "c", PSI_ELEMENT, &in, &n)) goto end;
    if (!call_exact(&c, seed, "seed", PSI_WEIGHT_SEED, &weights)) goto end;
    if ((result = new_bytes(1, PSI_ELEMENT, &m)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = c.kernel->weighted_sums(m, NULL, in, NULL, n, weights);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

static PyObject *py_verify_sums(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"c", "d", "seed", NULL};
    PyObject *elements, *answers, *seed, *result = NULL;
    const uint8_t *in, *in_d, *weights;
    uint8_t m[PSI_ELEMENT], z[PSI_ELEMENT];
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("OOO:verify_sums", &elements, &answers, &seed)) goto end;
    if (!call_rows(&c, elements, "c", PSI_ELEMENT, &in, &n)) goto end;
    if (!call_rows_like(&c, answers, "d", PSI_ELEMENT, n, &in_d)) goto end;
    if (!call_exact(&c, seed, "seed", PSI_WEIGHT_SEED, &weights)) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = c.kernel->weighted_sums(m, z, in, in_d, n, weights);
    take_gil(gil);
    Py_ssize_t size = status == PSI_GOOD ? PSI_ELEMENT : 0;
    if (status == PSI_NO_MEMORY)
        PyErr_NoMemory();
    else
        result = Py_BuildValue("(y#y#n)", (char *)m, size, (char *)z, size, (Py_ssize_t)status);
end:
    return call_end(&c, result);
}

static PyObject *py_weighted_sum(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"elements", "scalars", NULL};
    PyObject *elements, *scalars, *result = NULL;
    const uint8_t *in, *weights;
    uint8_t *out;
    size_t n;
    call c;
    call_begin(&c, module);
    if (!PARSE("OO:weighted_sum", &elements, &scalars)) goto end;
    if (!call_rows(&c, elements, "elements", PSI_ELEMENT, &in, &n)) goto end;
    if (!call_scalars(&c, scalars, "scalars", n, &weights)) goto end;
    if ((result = new_bytes(1, PSI_ELEMENT, &out)) == NULL) goto end;
    PyThreadState *gil = release_gil(n, HEAVY);
    psi_status status = c.kernel->weighted_sum(out, in, weights, n);
    take_gil(gil);
    result = checked_result(result, status);
end:
    return call_end(&c, result);
}

PyMethodDef psi_group_methods[] = {
    METHOD(element_from_uniform, "Elements from 64 uniform bytes each."),
    METHOD(check_elements, "Index of the first element that is not valid, or -1."),
    METHOD(mul, "Each element times its scalar."),
    METHOD(mul_base, "The generator times each scalar."),
    METHOD(add, "Sums of two elements."),
    METHOD(prove_sums, "M of the batched proof. Variable time, public data."),
    METHOD(verify_sums, "M and Z of the batched proof. Variable time, public data."),
    METHOD(weighted_sum, "Sum of elements times scalars. Variable time, public data."),
    {NULL, NULL, 0, NULL},
};
