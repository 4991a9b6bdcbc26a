"""Every prepared statement of the server, whichever modules a test itself imports."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

import ostiary
from ostiary.store.prepared import Prepared


def statements() -> Sequence[Prepared]:
    """Every prepared statement of the server."""
    for module in pkgutil.walk_packages(ostiary.__path__, "ostiary."):
        if not module.name.endswith("__main__") and "migrations" not in module.name:
            importlib.import_module(module.name)
    return Prepared.all()
