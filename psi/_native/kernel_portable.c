/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the portable kernel. */
#include "base.h"
#include "portable_operations.h"

const struct psi_kernel psi_kernel_portable = {
    .name = "portable",
    .prepare = psi_base_prepare,
    .uniform_bytes = psi_uniform_bytes_portable,
    .element_from_uniform = psi_element_from_uniform_portable,
    .hash_to_group = psi_hash_to_group_portable,
    .check_elements = psi_check_elements_portable,
    .blind = psi_blind_portable,
    .blind_scalars = psi_blind_scalars_portable,
    .finalize = psi_finalize_portable,
    .evaluate = psi_evaluate_portable,
    .table_tags = psi_table_tags_portable,
    .mul = psi_mul_portable,
    .mul_base = psi_mul_base_portable,
    .add = psi_add_portable,
    .blind_fixed = psi_blind_fixed_portable,
    .finalize_fixed = psi_finalize_fixed_portable,
    .mul_fixed = psi_mul_fixed_portable,
    .weighted_sums = psi_weighted_sums_portable,
    .weighted_sum = psi_weighted_sum_portable,
};
