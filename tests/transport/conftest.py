# SPDX-License-Identifier: Apache-2.0
"""Sets grpc's environment before a test module imports grpc, as every command does."""

import psi.transport  # noqa: F401
