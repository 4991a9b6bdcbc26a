"""crypt(3) of the system's own library (libxcrypt on every current Linux; musl's libc).

Called by ctypes: that needs no compiler at installation and releases the interpreter's lock during the call, which the
bindings on PyPI do not. Which methods there are is up to the system: ask `can` first.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

LONGEST = 511
"""Bytes of a password that libxcrypt takes."""
_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2", None)
_SCRATCH = 256 << 10
"""Bytes of `struct crypt_data`: 32 KiB in libxcrypt, 128 KiB in glibc's old library."""


def crypt(password: bytes, setting: str) -> str | None:
    """The hash of a password under a setting or under another hash; None where the system cannot make it, and for
    passwords that crypt(3) would cut: longer than LONGEST, or with a zero byte. Slow."""
    function = _function()
    if function is None or len(password) > LONGEST or b"\0" in password:
        return None
    made = function(password, setting.encode(), ctypes.create_string_buffer(_SCRATCH))
    return made.decode("ascii") if made and not made.startswith(b"*") else None


@lru_cache
def can(setting: str) -> bool:
    """Whether the system knows the method of a cheap setting."""
    return crypt(b"password", setting) is not None


@lru_cache
def _function() -> ctypes._NamedFuncPointer | None:
    for name in _LIBRARIES:
        try:
            function = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        function.restype = ctypes.c_char_p
        function.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p)
        return function
    return None
