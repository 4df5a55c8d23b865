/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Python functions of this module are made of: buffers in, bytes out. A `call` holds all
 * that one call must give back; every function ends in call_end(), which gives it back once.
 */
#ifndef PSI_BOUNDARY_H
#define PSI_BOUNDARY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernel.h"
#include "threads.h"

#define CALL_BUFFERS 6

/* The state of the module: the kernel in use, the names of all. */
typedef struct {
    const struct psi_kernel *kernel;
    PyObject *names;
} module_state;

typedef struct {
    const struct psi_kernel *kernel;
    Py_buffer buffers[CALL_BUFFERS];
    int held;
    uint64_t *offsets; /* a checked copy: the caller's array may change while the GIL is released */
} call;

void call_begin(call *c, PyObject *module);
/*
 * Releases the buffers, erases what the kernel left on the stack, and returns `result`, which may be
 * NULL with an exception set.
 */
PyObject *call_end(call *c, PyObject *result);

/* These return 0 with TypeError or ValueError set. `name` is the parameter's. */
int call_bytes(call *c, PyObject *o, const char *name, const uint8_t **p, size_t *length);
int call_exact(call *c, PyObject *o, const char *name, size_t length, const uint8_t **p);
int call_rows(call *c, PyObject *o, const char *name, size_t row, const uint8_t **p, size_t *n);
int call_rows_like(call *c, PyObject *o, const char *name, size_t row, size_t n,
                   const uint8_t **p);
int call_scalars(call *c, PyObject *o, const char *name, size_t n, const uint8_t **p);
/* `prefix` may be NULL, for none. */
int call_texts(call *c, PyObject *data, PyObject *offsets, PyObject *prefix, psi_texts *texts);
int number(PyObject *o, const char *name, uint64_t least, uint64_t most, uint64_t *value);
/* The positions first_j .. first_j + n - 1 fit 64 bits. */
int positions(PyObject *o, size_t n, uint64_t *first_j);

/* New bytes of n rows to be filled, or NULL. */
PyObject *new_bytes(size_t n, size_t row, uint8_t **p);

/* Consume `bytes`: itself, or MemoryError / (bytes or b"", bad index or -1), or MemoryError. */
PyObject *plain_result(PyObject *bytes, psi_status status);
PyObject *checked_result(PyObject *bytes, psi_status status);
PyObject *status_result(psi_status status);

/*
 * Releasing the GIL costs a tenth of a microsecond when nobody wants it and a switch interval of
 * 5 ms when somebody does, so only work of several hundred microseconds is worth it.
 */
#define HEAVY 16   /* elements, at tens of microseconds each: group operations */
#define LIGHT 1024 /* elements, at up to a microsecond each: hashes, scalars */
PyThreadState *release_gil(size_t n, size_t threshold);
void take_gil(PyThreadState *state);

extern PyMethodDef psi_group_methods[];
extern PyMethodDef psi_oprf_methods[];
extern PyMethodDef psi_scalar_methods[];

#define METHOD(name, doc) {#name, (PyCFunction)(void (*)(void))py_##name, METH_VARARGS | METH_KEYWORDS, doc}

#endif
