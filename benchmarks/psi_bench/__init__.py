# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of overlap; each runs alone and checks its results."""
