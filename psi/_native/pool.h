/* SPDX-License-Identifier: Apache-2.0 */
/* Helper threads that share the pieces of whatever batches are being worked on. */
#ifndef PSI_POOL_H
#define PSI_POOL_H

#include "kernel.h"

/* Rows a piece: several blocks of an inversion's worth, and a few milliseconds. */
#define PIECE 512

/* Works on n rows from `begin`; the status counts from `begin`. Called from several threads. */
typedef psi_status (*psi_piece)(const void *work, size_t begin, size_t n);

/* All pieces of n rows. PSI_GOOD, a failure, or the index of the first bad row of all. */
psi_status psi_pool_run(psi_piece piece, const void *work, size_t n);

#endif
