# SPDX-License-Identifier: Apache-2.0
"""
What a fuzzer calls: any bytes as any format.

    any driver that calls `one_input` with bytes, such as atheris

The first byte chooses the format. `corpus/` holds one small file of each kind to begin with.
"""

import io

from psi.errors import IndicatorError
from psi.indicators import KINDS, Profile, ReadOptions, read_set
from psi.indicators.readers import READERS

__all__ = ["FORMATS", "one_input"]

FORMATS = (None, *READERS)


def one_input(data: bytes) -> None:
    """
    Read the bytes; every other exception than the one for damaged files is a fault.

    Raises:
        AssertionError: The sums of the report do not hold, or a sound file was called damaged.
    """
    chosen = FORMATS[data[0] % len(FORMATS)] if data else None
    for keep_going in (False, True):
        options = ReadOptions(kinds=frozenset(KINDS), input_format=chosen, keep_going=keep_going)
        try:
            found = read_set(["-"], profile=Profile(), options=options, stdin=io.BytesIO(data[1:]))
        except IndicatorError:
            assert not keep_going, "with keep_going nothing stops the reading"
            continue
        report = found.report
        assert keep_going or not report.damaged
        assert report.values_read == (
            report.to_use + report.duplicates + report.n_rejected + report.n_filtered
        )
        assert report.to_use == len(set(found.values))
