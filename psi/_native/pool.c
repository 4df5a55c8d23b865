/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A caller puts its batch into a ring, works on it itself, and waits until the helpers have finished
 * what they took. So a batch always goes on, even if no helper could be started, and in the child
 * of a fork, where there are none. A helper goes round the ring, one piece of each batch.
 */
#define _POSIX_C_SOURCE 200809L

#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "threads.h"

typedef struct batch {
    psi_piece piece;
    const void *work;
    size_t n, next; /* rows, and the first that nobody has taken */
    size_t running; /* pieces that helpers are working on */
    psi_status status;
    pthread_cond_t finished;
    struct batch *before, *after;
} batch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_is_there = PTHREAD_COND_INITIALIZER;
static batch *ring; /* batches with untaken rows */
static unsigned limit = 1, helpers;
static int prepared;

static void enter(batch *b) {
    if (ring == NULL) {
        ring = b->before = b->after = b;
    } else {
        b->after = ring;
        b->before = ring->before;
        b->before->after = b->after->before = b;
    }
}

static void leave(batch *b) {
    if (b->after == b) {
        ring = NULL;
    } else {
        b->before->after = b->after;
        b->after->before = b->before;
        if (ring == b) ring = b->after;
    }
    b->before = b->after = NULL;
}

/* Takes a piece, or returns 0. A batch leaves the ring with its last one. */
static size_t take(batch *b, size_t *begin) {
    const size_t left = b->n - b->next, size = left < PIECE ? left : PIECE;
    *begin = b->next;
    b->next += size;
    if (size > 0 && b->next == b->n) leave(b);
    return size;
}

/* The first bad row counts, and a failure more than any row; after either, the rest is dropped. */
static void report(batch *b, size_t begin, psi_status status) {
    if (status == PSI_GOOD || b->status < PSI_GOOD) return;
    const psi_status row = status < PSI_GOOD ? status : (psi_status)begin + status;
    if (row < PSI_GOOD || b->status == PSI_GOOD || row < b->status) b->status = row;
    if (b->next < b->n) {
        b->next = b->n;
        leave(b);
    }
}

/* One piece, with the lock held before and after. */
static int work_on(batch *b) {
    size_t begin, size = take(b, &begin);
    if (size == 0) return 0;
    pthread_mutex_unlock(&lock);
    psi_status status = b->piece(b->work, begin, size);
    psi_erase_stack();
    pthread_mutex_lock(&lock);
    report(b, begin, status);
    return 1;
}

static void *help(void *ignored) {
    (void)ignored;
    pthread_mutex_lock(&lock);
    for (;;) {
        while (ring == NULL) pthread_cond_wait(&work_is_there, &lock);
        batch *b = ring;
        ring = b->after;
        b->running++;
        work_on(b);
        if (--b->running == 0) pthread_cond_signal(&b->finished);
    }
    return NULL;
}

/* In the child of a fork there are no helpers, and who held the lock is gone. */
static void forget(void) {
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&work_is_there, NULL);
    ring = NULL;
    helpers = 0;
}

/* Starts helpers up to the limit; with the lock held. Fewer are no error. */
static void start_helpers(void) {
    sigset_t all, before;
    pthread_t thread;
    if (!prepared) {
        prepared = 1;
        if (pthread_atfork(NULL, NULL, forget) != 0) limit = 1;
    }
    sigfillset(&all); /* signals are for the interpreter's own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (helpers + 1 < limit && pthread_create(&thread, NULL, help, NULL) == 0) {
        pthread_detach(thread);
        helpers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

psi_status psi_pool_run(psi_piece piece, const void *work, size_t n) {
    pthread_mutex_lock(&lock);
    const unsigned threads = limit;
    pthread_mutex_unlock(&lock);
    if (n <= PIECE || threads == 1) return piece(work, 0, n);
    batch b = {.piece = piece, .work = work, .n = n, .status = PSI_GOOD};
    pthread_cond_init(&b.finished, NULL);
    pthread_mutex_lock(&lock);
    if (helpers + 1 < limit) start_helpers();
    enter(&b);
    pthread_cond_broadcast(&work_is_there);
    while (work_on(&b)) continue;
    while (b.running > 0) pthread_cond_wait(&b.finished, &lock);
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&b.finished);
    return b.status;
}

unsigned psi_threads_set_limit(unsigned threads) {
    pthread_mutex_lock(&lock);
    const unsigned before = limit;
    limit = threads;
    pthread_mutex_unlock(&lock);
    return before;
}

int psi_threads_configure(void) {
    const char *wanted = getenv("OVERLAP_THREADS");
    long value = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted != NULL && *wanted != '\0') {
        char *end;
        errno = 0;
        value = strtol(wanted, &end, 10);
        if (errno != 0 || *end != '\0' || value < 1 || value > PSI_MOST_THREADS) return 0;
    }
    limit = value < 1 ? 1 : value > PSI_MOST_THREADS ? PSI_MOST_THREADS : (unsigned)value;
    return 1;
}
