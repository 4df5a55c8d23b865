/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the AVX-512 IFMA kernel. */
#include "kernel.h"

#ifdef PSI_LANES

#include "base.h"
#include "portable_operations.h"
#include "vec_operations.h"

const struct psi_kernel psi_kernel_avx512ifma = {
    .name = "avx512ifma",
    .prepare = psi_base_prepare,
    .uniform_bytes = psi_uniform_bytes_avx512ifma,
    .element_from_uniform = psi_element_from_uniform_avx512ifma,
    .hash_to_group = psi_hash_to_group_avx512ifma,
    .check_elements = psi_check_elements_avx512ifma,
    .blind = psi_blind_avx512ifma,
    .blind_scalars = psi_blind_scalars_avx512ifma,
    .finalize = psi_finalize_avx512ifma,
    .evaluate = psi_evaluate_avx512ifma,
    .table_tags = psi_table_tags_avx512ifma,
    .mul = psi_mul_avx512ifma,
    .mul_base = psi_mul_base_avx512ifma,
    .add = psi_add_avx512ifma,
    .blind_fixed = psi_blind_fixed_avx512ifma,
    .finalize_fixed = psi_finalize_fixed_avx512ifma,
    .mul_fixed = psi_mul_fixed_avx512ifma,
    .weighted_sums = psi_weighted_sums_avx512ifma,
    .weighted_sum = psi_weighted_sum_avx512ifma,
};

#endif
