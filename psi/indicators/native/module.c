/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module psi.indicators._fast: an interner of elements, and the plain values of a text. Both
 * exist in Python too (psi/indicators/_intern.py); tests hold them equal.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

#include "plain.h"
#include "table.h"

typedef struct {
    PyObject_HEAD
    struct table table;
} interner_object;

typedef struct {
    PyObject_HEAD
    struct plain_rules rules;
} rules_object;

static void free_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* Interner ------------------------------------------------------------------------------- */

static int set_kinds(struct table *table, PyObject *kinds, const char *wanted, Py_ssize_t n) {
    if (PyTuple_Size(kinds) != n || n > TABLE_MAX_KINDS) {
        PyErr_SetString(PyExc_ValueError, "expected as many flags as kinds");
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        char *name;
        Py_ssize_t length;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(kinds, i), &name, &length) < 0) return -1;
        if (length < 1 || length > 15) {
            PyErr_SetString(PyExc_ValueError, "expected names of 1 to 15 bytes");
            return -1;
        }
        memcpy(table->kind_name[i], name, (size_t)length);
        table->kind_length[i] = (uint8_t)length;
        table->wanted[i] = (uint8_t)wanted[i];
    }
    table->n_kinds = (size_t)n;
    return 0;
}

static PyObject *interner_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"kinds", "wanted", "key", NULL};
    PyObject *kinds;
    const char *wanted, *key;
    Py_ssize_t n_wanted, n_key;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!y#y#:Interner", names, &PyTuple_Type,
                                     &kinds, &wanted, &n_wanted, &key, &n_key))
        return NULL;
    if (n_key != 16) {
        PyErr_SetString(PyExc_ValueError, "key: expected 16 bytes");
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    interner_object *self = (interner_object *)allocate(type, 0);
    if (self == NULL) return NULL;
    memcpy(self->table.key, key, 16);
    if (set_kinds(&self->table, kinds, wanted, n_wanted) < 0) goto failed;
    if (table_init(&self->table) != 0) {
        PyErr_NoMemory();
        goto failed;
    }
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static void interner_free(PyObject *self) {
    table_free(&((interner_object *)self)->table);
    free_object(self);
}

/* The table, or NULL with an error set if it has been taken. */
static struct table *open_table(PyObject *self) {
    struct table *table = &((interner_object *)self)->table;
    if (table->slots != NULL) return table;
    PyErr_SetString(PyExc_ValueError, "the elements have been taken");
    return NULL;
}

static PyObject *interner_add(PyObject *self, PyObject *element) {
    struct table *table = open_table(self);
    char *data;
    Py_ssize_t length;
    if (table == NULL || PyBytes_AsStringAndSize(element, &data, &length) < 0) return NULL;
    int64_t row = table_add(table, data, (size_t)length);
    return row == TABLE_NO_MEMORY ? PyErr_NoMemory() : PyLong_FromLongLong(row);
}

static PyObject *interner_add_all(PyObject *self, PyObject *args) {
    struct table *table = open_table(self);
    const char *data, *ends;
    Py_ssize_t size, n_ends;
    if (table == NULL || !PyArg_ParseTuple(args, "y#y#:add_all", &data, &size, &ends, &n_ends))
        return NULL;
    Py_ssize_t n = n_ends / (Py_ssize_t)sizeof(uint64_t) - 1;
    PyObject *rows = n < 0 ? NULL : PyBytes_FromStringAndSize(NULL, n * 4);
    if (n < 0) PyErr_SetString(PyExc_ValueError, "ends: expected one entry more than elements");
    if (rows == NULL) return NULL;
    char *out = PyBytes_AsString(rows);
    uint64_t start, end;
    memcpy(&start, ends, sizeof start);
    for (Py_ssize_t i = 0; i < n; i++, start = end) {
        memcpy(&end, ends + (i + 1) * (Py_ssize_t)sizeof end, sizeof end);
        if (start > end || end > (uint64_t)size) {
            PyErr_SetString(PyExc_ValueError, "ends: expected ascending positions in the data");
            goto failed;
        }
        int64_t row = table_add(table, data + start, (size_t)(end - start));
        if (row == TABLE_NO_MEMORY) {
            PyErr_NoMemory();
            goto failed;
        }
        uint32_t narrow = row < 0 ? UINT32_MAX : (uint32_t)row;
        memcpy(out + i * 4, &narrow, 4);
    }
    return rows;
failed:
    Py_DECREF(rows);
    return NULL;
}

static PyObject *interner_take(PyObject *self, PyObject *ignored) {
    (void)ignored;
    struct table *table = open_table(self);
    if (table == NULL) return NULL;
    /* What is only for finding goes before the copies come. */
    free(table->slots);
    free(table->hashes);
    table->slots = table->hashes = NULL;
    PyObject *data = PyBytes_FromStringAndSize(table->data, (Py_ssize_t)table->size);
    free(table->data);
    table->data = NULL;
    size_t n = table->rows;
    PyObject *result = Py_BuildValue("(Ny#y#)", data, (const char *)table->ends,
                                     (Py_ssize_t)((n + 1) * sizeof *table->ends),
                                     (const char *)table->kinds, (Py_ssize_t)n);
    table_free(table);
    return result;
}

static Py_ssize_t interner_length(PyObject *self) {
    return (Py_ssize_t)((interner_object *)self)->table.rows;
}

static PyMethodDef interner_methods[] = {
    {"add", interner_add, METH_O, "The row of an element, -1 if its kind is not wanted."},
    {"add_all", interner_add_all, METH_VARARGS, "The rows of many elements, u32."},
    {"take", interner_take, METH_NOARGS, "Concatenation, ends and kinds; empties the interner."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot interner_slots[] = {
    {Py_tp_doc, "Distinct elements, numbered in order of first appearance."},
    {Py_tp_new, interner_new},
    {Py_tp_dealloc, interner_free},
    {Py_tp_methods, interner_methods},
    {Py_sq_length, interner_length},
    {0, NULL},
};

static PyType_Spec interner_spec = {"psi.indicators._fast.Interner", sizeof(interner_object), 0,
                                    Py_TPFLAGS_DEFAULT, interner_slots};

/* Rules ---------------------------------------------------------------------------------- */

static int add_tlds(struct plain_rules *rules, const char *names, Py_ssize_t size, uint8_t what) {
    const char *end = names + size;
    while (names < end) {
        const char *stop = memchr(names, '\n', (size_t)(end - names));
        if (stop == NULL) stop = end;
        if (plain_add_tld(rules, names, (size_t)(stop - names), what) != 0) {
            PyErr_SetString(PyExc_ValueError, "expected labels of 1 to 63 bytes, one a line");
            return -1;
        }
        names = stop + 1;
    }
    return 0;
}

static PyObject *rules_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"known", "special", "suspect", "fold_https",
                            "urls",  "networks", NULL};
    const char *known, *special, *suspect;
    Py_ssize_t n_known, n_special, n_suspect;
    int fold, urls, networks;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "y#y#y#ppp:Rules", names, &known, &n_known,
                                     &special, &n_special, &suspect, &n_suspect, &fold, &urls, &networks))
        return NULL;
    if (n_suspect != 256) {
        PyErr_SetString(PyExc_ValueError, "suspect: expected 256 bytes");
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    rules_object *self = (rules_object *)allocate(type, 0);
    if (self == NULL) return NULL;
    struct plain_rules *rules = &self->rules;
    rules->fold_https = fold;
    rules->urls = urls;
    rules->networks = networks;
    memcpy(rules->suspect, suspect, 256);
    /* A name takes a byte and its line end at least, so the table is at most half full. */
    for (rules->n_slots = 16; (Py_ssize_t)rules->n_slots < n_known + n_special + 2;)
        rules->n_slots *= 2;
    rules->slots = calloc(rules->n_slots, sizeof *rules->slots);
    if (rules->slots == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    if (add_tlds(rules, known, n_known, TLD_KNOWN) < 0) goto failed;
    if (add_tlds(rules, special, n_special, TLD_SPECIAL) < 0) goto failed;
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static void rules_free(PyObject *self) {
    free(((rules_object *)self)->rules.slots);
    free_object(self);
}

static PyObject *rules_element(PyObject *self, PyObject *args) {
    PyObject *text;
    int typed;
    if (!PyArg_ParseTuple(args, "Up:element", &text, &typed)) return NULL;
    char out[ELEMENT_MAX];
    Py_ssize_t length;
    const char *data = PyUnicode_AsUTF8AndSize(text, &length);
    if (data == NULL) { /* surrogates, which no plain value has */
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return NULL;
        PyErr_Clear();
        return Py_NewRef(Py_None);
    }
    size_t size =
        plain_element(&((rules_object *)self)->rules, data, (size_t)length, typed, 0, out);
    if (size == 0) return Py_NewRef(Py_None);
    return PyBytes_FromStringAndSize(out, (Py_ssize_t)size);
}

/* Results of `lines`, one entry a value. */
struct found {
    uint32_t *rows, *lines, *lengths;
    char *written;
    size_t n, room, size, size_room;
};

static int more_found(struct found *found, size_t length) {
    if (found->n == found->room) {
        size_t room = found->room * 2 + 256;
        uint32_t *rows = realloc(found->rows, room * sizeof *rows);
        if (rows == NULL) return -1;
        found->rows = rows;
        uint32_t *lines = realloc(found->lines, room * sizeof *lines);
        if (lines == NULL) return -1;
        found->lines = lines;
        uint32_t *lengths = realloc(found->lengths, room * sizeof *lengths);
        if (lengths == NULL) return -1;
        found->lengths = lengths;
        found->room = room;
    }
    if (found->size_room - found->size < length) {
        size_t room = found->size_room * 2 + length + 4096;
        char *written = realloc(found->written, room);
        if (written == NULL) return -1;
        found->written = written;
        found->size_room = room;
    }
    return 0;
}

static int is_space(char c) {
    return c == ' ' || c == '\t';
}

/* Take lines up to the first that is for Python; its position and number are left behind. */
static int take_lines(const struct plain_rules *rules, struct table *table, const char *data,
                      size_t size, size_t *at, unsigned long long *number, struct found *found) {
    char out[ELEMENT_MAX];
    while (*at <= size) {
        const char *text = data + *at;
        const char *stop = memchr(text, '\n', size - *at);
        if (stop == NULL) stop = data + size;
        size_t next = (size_t)(stop - data) + 1;
        while (text < stop && is_space(*text)) text++;
        while (stop > text && is_space(stop[-1])) stop--;
        size_t length = (size_t)(stop - text);
        if (length != 0) {
            size_t n = plain_element(rules, text, length, 0, 1, out);
            if (n == 0) return 0;
            int64_t row = table_add(table, out, n);
            if (row == TABLE_UNWANTED) return 0; /* counted by Python */
            if (row == TABLE_NO_MEMORY || more_found(found, length) != 0) return -1;
            const char *colon = memchr(out, ':', n);
            size_t prefix = (size_t)(colon - out) + 1;
            int same = n - prefix == length && memcmp(out + prefix, text, length) == 0;
            found->rows[found->n] = (uint32_t)row;
            found->lines[found->n] = *number < UINT32_MAX ? (uint32_t)*number : UINT32_MAX;
            found->lengths[found->n++] = same ? 0 : (uint32_t)length;
            if (!same) {
                memcpy(found->written + found->size, text, length);
                found->size += length;
            }
        }
        *at = next;
        ++*number;
    }
    return 0;
}

static PyObject *rules_lines(PyObject *self, PyObject *args) {
    PyObject *interner;
    char *data;
    Py_ssize_t size, start;
    unsigned long long number;
    PyObject **state = PyType_GetModuleState(Py_TYPE(self));
    if (state == NULL) return NULL;
    if (!PyArg_ParseTuple(args, "O!y#nK:lines", state[0], &interner, &data, &size, &start, &number))
        return NULL;
    if (start < 0 || start > size) {
        PyErr_SetString(PyExc_ValueError, "start: expected a position in the text");
        return NULL;
    }
    struct table *table = open_table(interner);
    if (table == NULL) return NULL;
    struct found found = {0};
    size_t at = (size_t)start;
    PyObject *result = NULL;
    if (take_lines(&((rules_object *)self)->rules, table, data, (size_t)size, &at, &number,
                   &found) != 0)
        PyErr_NoMemory();
    else
        result = Py_BuildValue(
            "(nKy#y#y#y#)", (Py_ssize_t)at, number, found.n ? (const char *)found.rows : "",
            (Py_ssize_t)(found.n * 4), found.n ? (const char *)found.lines : "",
            (Py_ssize_t)(found.n * 4), found.size ? found.written : "", (Py_ssize_t)found.size,
            found.n ? (const char *)found.lengths : "", (Py_ssize_t)(found.n * 4));
    free(found.rows);
    free(found.lines);
    free(found.lengths);
    free(found.written);
    return result;
}

static PyMethodDef rules_methods[] = {
    {"element", rules_element, METH_VARARGS, "The element of a plain value, or None."},
    {"lines", rules_lines, METH_VARARGS, "Intern plain lines up to the first that is not."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot rules_slots[] = {
    {Py_tp_doc, "What is certain about values that are plain."},
    {Py_tp_new, rules_new},
    {Py_tp_dealloc, rules_free},
    {Py_tp_methods, rules_methods},
    {0, NULL},
};

static PyType_Spec rules_spec = {"psi.indicators._fast.Rules", sizeof(rules_object), 0,
                                 Py_TPFLAGS_DEFAULT, rules_slots};

/* Module --------------------------------------------------------------------------------- */

static int execute(PyObject *module) {
    PyObject **state = PyModule_GetState(module);
    state[0] = PyType_FromModuleAndSpec(module, &interner_spec, NULL);
    if (state[0] == NULL || PyModule_AddObjectRef(module, "Interner", state[0]) < 0) return -1;
    PyObject *rules = PyType_FromModuleAndSpec(module, &rules_spec, NULL);
    if (rules == NULL) return -1;
    int failed = PyModule_AddObjectRef(module, "Rules", rules);
    Py_DECREF(rules);
    return failed;
}

static void release(void *module) {
    PyObject **state = PyModule_GetState(module);
    if (state != NULL) Py_CLEAR(state[0]);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_fast", "Indicators at speed.", sizeof(PyObject *), NULL, slots, NULL,
    NULL, release};

PyMODINIT_FUNC PyInit__fast(void) {
    return PyModuleDef_Init(&definition);
}
