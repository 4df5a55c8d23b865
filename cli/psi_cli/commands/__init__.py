# SPDX-License-Identifier: Apache-2.0
"""One file a command: parse, call `psi.app`, print."""
