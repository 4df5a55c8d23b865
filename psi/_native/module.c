/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module psi._native.kernel: its making, and the choice of the kernel. The functions are in
 * module_group.c, module_oprf.c and module_scalar.c, what they share in boundary.c.
 */
#include "boundary.h"

#include <stdlib.h>

static const char ENVIRONMENT[] = "OVERLAP_KERNEL";

static PyObject *joined_names(const module_state *state) {
    PyObject *comma = PyUnicode_FromString(", ");
    PyObject *joined = comma != NULL ? PyUnicode_Join(comma, state->names) : NULL;
    Py_XDECREF(comma);
    return joined;
}

/* 0 with `error` set if this CPU has no kernel of that name. */
static int choose(module_state *state, PyObject *error, const char *source, const char *name) {
    const struct psi_kernel *kernel = psi_kernel_find(name);
    if (kernel == NULL) {
        PyObject *names = joined_names(state);
        if (names != NULL)
            PyErr_Format(error, "%s: expected a kernel that this CPU can run (%U), got '%s'", source,
                         names, name);
        Py_XDECREF(names);
        return 0;
    }
    kernel->prepare();
    state->kernel = kernel;
    return 1;
}

static PyObject *py_selected(PyObject *module, PyObject *ignored) {
    (void)ignored;
    module_state *state = PyModule_GetState(module);
    return PyUnicode_FromString(state->kernel->name);
}

static PyObject *py_select(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"name", NULL};
    const char *name;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s:select", names, &name)) return NULL;
    if (!choose(PyModule_GetState(module), PyExc_ValueError, "name", name)) return NULL;
    return Py_NewRef(Py_None);
}

static PyObject *py_limit_threads(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"threads", NULL};
    PyObject *threads;
    uint64_t value;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:limit_threads", names, &threads))
        return NULL;
    if (!number(threads, "threads", 1, PSI_MOST_THREADS, &value)) return NULL;
    return PyLong_FromUnsignedLong(psi_threads_set_limit((unsigned)value));
}

static PyMethodDef methods[] = {
    {"selected", py_selected, METH_NOARGS, "The name of the kernel in use."},
    METHOD(select, "Use the kernel of this name from now on."),
    METHOD(limit_threads, "Bound the threads of a batch; returns the bound before."),
    {NULL, NULL, 0, NULL},
};

static int set_names(PyObject *module, module_state *state) {
    PyObject *list = PyList_New(0);
    if (list == NULL) return -1;
    const struct psi_kernel *kernel;
    for (size_t i = 0; (kernel = psi_kernel_at(i)) != NULL; i++) {
        PyObject *name = PyUnicode_FromString(kernel->name);
        int failed = name == NULL || PyList_Append(list, name) != 0;
        Py_XDECREF(name);
        if (failed) {
            Py_DECREF(list);
            return -1;
        }
    }
    state->names = PyList_AsTuple(list);
    Py_DECREF(list);
    return state->names == NULL ? -1 : PyModule_AddObjectRef(module, "NAMES", state->names);
}

static int execute(PyObject *module) {
    module_state *state = PyModule_GetState(module);
    if (set_names(module, state) != 0 || PyModule_AddFunctions(module, psi_group_methods) != 0 ||
        PyModule_AddFunctions(module, psi_oprf_methods) != 0 ||
        PyModule_AddFunctions(module, psi_scalar_methods) != 0)
        return -1;
    if (!psi_threads_configure()) {
        PyErr_Format(PyExc_ImportError, "OVERLAP_THREADS: expected a whole number from 1 to %d",
                     PSI_MOST_THREADS);
        return -1;
    }
    const char *wanted = getenv(ENVIRONMENT);
    if (wanted == NULL || *wanted == '\0') wanted = psi_kernel_at(0)->name;
    return choose(state, PyExc_ImportError, ENVIRONMENT, wanted) ? 0 : -1;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    module_state *state = PyModule_GetState(module);
    if (state != NULL) Py_VISIT(state->names);
    return 0;
}

static int clear(PyObject *module) {
    module_state *state = PyModule_GetState(module);
    if (state != NULL) Py_CLEAR(state->names);
    return 0;
}

static void release(void *module) { clear(module); }

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "psi._native.kernel",
    .m_doc = "ristretto255 and the oblivious PRF on batches: bytes in, bytes out (kernel.pyi).",
    .m_size = sizeof(module_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

PyMODINIT_FUNC PyInit_kernel(void) { return PyModuleDef_Init(&definition); }
