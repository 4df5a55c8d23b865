# SPDX-License-Identifier: Apache-2.0
"""What `overlap` alone says: six lines, the last one for this home."""

from collections.abc import Mapping
from typing import Final

from psi import _version
from psi_cli._home import Stage, home_stage
from psi_cli._settings import Settings

__all__ = ["show_welcome"]

_NEXT: Final[Mapping[Stage, str]] = {
    "none": "overlap init NAME, or overlap demo to see it work on this machine first",
    "alliance": "overlap alliance enroll REQUEST...",
    "new": "send the request file to the operator, then overlap join FILE",
    "joined": "overlap ping PEER, then overlap check PEER FILE...",
}


def show_welcome(settings: Settings) -> None:
    """Print the first lines that a newcomer sees."""
    following = _NEXT[home_stage(settings)]
    settings.screen.out(
        f"overlap {_version.__version__}: which threat indicators you and a partner both hold\n"
        "overlap inspect FILE...      what of your files can be used\n"
        "overlap check PEER FILE...   which of your indicators a peer also holds\n"
        "overlap serve FILE...        let peers check against you\n"
        "overlap --help               all commands; each has --help and an example\n"
        f"next: {following}\n"
    )
