# SPDX-License-Identifier: Apache-2.0
"""What `overlap --version` says; none of the libraries is imported for it but the kernel."""

import platform
from importlib import import_module, metadata

from psi import _version
from psi_cli._settings import Settings

__all__ = ["kernel_name", "show_version", "versions"]


def kernel_name() -> str:
    """The kernel in use, for this processor and `OVERLAP_KERNEL`; `none` where none is built."""
    try:
        selected = import_module("psi._native.kernel").selected
    except ImportError as error:
        return f"none ({error.msg})" if "OVERLAP_KERNEL" in error.msg else "none"
    return str(selected())


def versions() -> dict[str, str]:
    """Everything that a bug report has to name."""
    try:
        grpcio = metadata.version("grpcio")
    except metadata.PackageNotFoundError:
        grpcio = "none"
    return {
        "version": _version.__version__,
        "kernel": kernel_name(),
        "python": platform.python_version(),
        "grpcio": grpcio,
    }


def show_version(settings: Settings, *, verbose: bool, as_json: bool) -> None:
    """Print the version, with `-v` what it stands on, with `--json` both as an object."""
    screen = settings.screen
    if as_json or settings.json:
        screen.object("version", versions())
        return
    screen.out(f"overlap {_version.__version__}\n")
    if verbose:
        for label, text in list(versions().items())[1:]:
            screen.row(label, text)
