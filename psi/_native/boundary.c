/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, numbers and results of the Python boundary. */
#include "boundary.h"

#include <string.h>

#define INPUT_LIMIT 65534 /* bytes of a private input, RFC 9497 section 5.1 */

void call_begin(call *c, PyObject *module) {
    module_state *state = PyModule_GetState(module);
    memset(c, 0, sizeof *c);
    c->kernel = state->kernel;
}

PyObject *call_end(call *c, PyObject *result) {
    psi_erase_stack();
    while (c->held > 0) PyBuffer_Release(&c->buffers[--c->held]);
    PyMem_Free(c->offsets);
    c->offsets = NULL;
    return result;
}

int call_bytes(call *c, PyObject *o, const char *name, const uint8_t **p, size_t *length) {
    Py_buffer *view = &c->buffers[c->held];
    if (!PyObject_CheckBuffer(o)) {
        PyErr_Format(PyExc_TypeError, "%s: expected a bytes-like object", name);
        return 0;
    }
    if (PyObject_GetBuffer(o, view, PyBUF_SIMPLE) != 0) {
        if (!PyErr_ExceptionMatches(PyExc_BufferError)) return 0;
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "%s: expected a contiguous buffer", name);
        return 0;
    }
    c->held++;
    /* an empty buffer may have no address; the kernels add offsets to what they get */
    *p = view->buf != NULL ? view->buf : (const uint8_t *)"";
    *length = (size_t)view->len;
    return 1;
}

int call_exact(call *c, PyObject *o, const char *name, size_t length, const uint8_t **p) {
    size_t got;
    if (!call_bytes(c, o, name, p, &got)) return 0;
    if (got == length) return 1;
    PyErr_Format(PyExc_ValueError, "%s: expected %zu bytes, got %zu", name, length, got);
    return 0;
}

int call_rows(call *c, PyObject *o, const char *name, size_t row, const uint8_t **p, size_t *n) {
    size_t got;
    if (!call_bytes(c, o, name, p, &got)) return 0;
    *n = got / row;
    if (got % row == 0) return 1;
    PyErr_Format(PyExc_ValueError, "%s: expected a multiple of %zu bytes, got %zu", name, row, got);
    return 0;
}

int call_rows_like(call *c, PyObject *o, const char *name, size_t row, size_t n,
                   const uint8_t **p) {
    size_t got;
    if (!call_bytes(c, o, name, p, &got)) return 0;
    if (got == n * row) return 1;
    PyErr_Format(PyExc_ValueError, "%s: expected %zu x %zu bytes, got %zu", name, n, row, got);
    return 0;
}

int call_scalars(call *c, PyObject *o, const char *name, size_t n, const uint8_t **p) {
    if (!call_rows_like(c, o, name, PSI_SCALAR, n, p)) return 0;
    psi_status bad = psi_check_scalars(*p, n);
    if (bad == PSI_GOOD) return 1;
    PyErr_Format(PyExc_ValueError, "%s: expected scalars below the group order, number %zd is not",
                 name, (Py_ssize_t)bad);
    return 0;
}

/*
 * Numbers of another type would be read as wrong positions, and silently as fewer texts. What is no
 * buffer at all, or not contiguous, is left to call_rows.
 */
static int are_offsets(PyObject *o) {
    Py_buffer view;
    if (PyObject_GetBuffer(o, &view, PyBUF_ND | PyBUF_FORMAT) != 0) {
        PyErr_Clear();
        return 1;
    }
    const char *format = view.format == NULL ? "B" : view.format;
    if (strchr("@=<", format[0]) != NULL && format[0] != 0) format++;
    int raw = strcmp(format, "B") == 0 || strcmp(format, "b") == 0 || strcmp(format, "c") == 0;
    int words = view.itemsize == sizeof(uint64_t) &&
                (strcmp(format, "Q") == 0 || strcmp(format, "L") == 0);
    PyBuffer_Release(&view);
    if (raw || words) return 1;
    PyErr_SetString(PyExc_TypeError, "offsets: expected bytes or 64-bit unsigned integers");
    return 0;
}

int call_texts(call *c, PyObject *data, PyObject *offsets, PyObject *prefix, psi_texts *texts) {
    const uint8_t *raw;
    size_t size, entries;
    memset(texts, 0, sizeof *texts);
    if (!call_bytes(c, data, "data", &texts->data, &size) || !are_offsets(offsets) ||
        !call_rows(c, offsets, "offsets", sizeof(uint64_t), &raw, &entries))
        return 0;
    texts->prefix = (const uint8_t *)"";
    if (prefix != NULL && !call_bytes(c, prefix, "prefix", &texts->prefix, &texts->prefix_length))
        return 0;
    if (texts->prefix_length > INPUT_LIMIT) {
        PyErr_Format(PyExc_ValueError, "prefix: expected at most %d bytes, got %zu", INPUT_LIMIT,
                     texts->prefix_length);
        return 0;
    }
    if (entries == 0 || entries > UINT32_MAX) {
        PyErr_Format(PyExc_ValueError, "offsets: expected 1 to 2^32 - 1 entries, got %zu", entries);
        return 0;
    }
    c->offsets = PyMem_Malloc(entries * sizeof(uint64_t));
    if (c->offsets == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    memcpy(c->offsets, raw, entries * sizeof(uint64_t));
    for (size_t i = 0; i < entries; i++) {
        uint64_t before = i == 0 ? 0 : c->offsets[i - 1], here = c->offsets[i];
        if (here < before || here > size) {
            PyErr_Format(PyExc_ValueError, "offsets: entry %zu descends or is past the data", i);
            return 0;
        }
        if (i > 0 && here - before > INPUT_LIMIT - texts->prefix_length) {
            PyErr_Format(PyExc_ValueError, "data: text %zu and the prefix exceed %d bytes", i - 1,
                         INPUT_LIMIT);
            return 0;
        }
    }
    texts->offsets = c->offsets;
    texts->n = entries - 1;
    return 1;
}

int number(PyObject *o, const char *name, uint64_t least, uint64_t most, uint64_t *value) {
    if (!PyLong_Check(o)) {
        PyErr_Format(PyExc_TypeError, "%s: expected an int", name);
        return 0;
    }
    *value = PyLong_AsUnsignedLongLong(o);
    if (PyErr_Occurred()) {
        PyErr_Clear(); /* negative, or too large: OverflowError */
    } else if (*value >= least && *value <= most) {
        return 1;
    }
    PyErr_Format(PyExc_ValueError, "%s: expected %llu to %llu", name, (unsigned long long)least,
                 (unsigned long long)most);
    return 0;
}

int positions(PyObject *o, size_t n, uint64_t *first_j) {
    return number(o, "first_j", 0, UINT64_MAX - n, first_j);
}

PyObject *new_bytes(size_t n, size_t row, uint8_t **p) {
    if (n > (size_t)PY_SSIZE_T_MAX / row) return PyErr_NoMemory();
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(n * row));
    if (bytes != NULL) *p = (uint8_t *)PyBytes_AsString(bytes);
    return bytes;
}

/* For results that are not handed out: they may be half made of secrets. */
static void discard(PyObject *bytes) {
    psi_erase(PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
    Py_DECREF(bytes);
}

/* For what is no row: no memory, or a table that came out wrong twice. */
static PyObject *failure(psi_status status) {
    if (status == PSI_NO_MEMORY) return PyErr_NoMemory();
    PyErr_SetString(PyExc_RuntimeError,
                    "a table of multiples came out wrong twice: this machine computes wrongly");
    return NULL;
}

PyObject *plain_result(PyObject *bytes, psi_status status) {
    if (status == PSI_GOOD) return bytes;
    discard(bytes);
    return failure(status);
}

PyObject *checked_result(PyObject *bytes, psi_status status) {
    if (status == PSI_GOOD) return Py_BuildValue("(Nn)", bytes, (Py_ssize_t)-1);
    discard(bytes);
    if (status < PSI_GOOD) return failure(status);
    return Py_BuildValue("(y#n)", "", (Py_ssize_t)0, (Py_ssize_t)status);
}

PyObject *status_result(psi_status status) {
    if (status < PSI_GOOD) return failure(status);
    return PyLong_FromSsize_t((Py_ssize_t)status);
}

PyThreadState *release_gil(size_t n, size_t threshold) {
    return n >= threshold ? PyEval_SaveThread() : NULL;
}

void take_gil(PyThreadState *state) {
    if (state != NULL) PyEval_RestoreThread(state);
}
