"""Standard input, output and error: opened if the process that started us has closed them."""

from __future__ import annotations

import os
import sys

_MODES = ("r", "w", "w")


def open_standard_streams() -> None:
    """Opens /dev/null in the place of each that is closed (`2>&-`). Call it before any file is opened.

    The next file would get the free number: what is printed would go into a lock or a database.
    """
    for descriptor, mode in enumerate(_MODES):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number, which is this one
            stream = os.fdopen(descriptor, mode, encoding="utf-8", closefd=False)
            setattr(sys, ("stdin", "stdout", "stderr")[descriptor], stream)
