# SPDX-License-Identifier: Apache-2.0
"""`python -m psi_cli` is `overlap`; `overlap demo` starts its members that way."""

from psi_cli.main import main

main()
