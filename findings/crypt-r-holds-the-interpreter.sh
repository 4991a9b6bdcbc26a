#!/usr/bin/env bash
# crypt-r, the successor of Python's `crypt` module, holds the interpreter's lock for as long as a hash takes.
#
# crypt-r 3.13.1 (source only on PyPI: it needs a C compiler and libcrypt's headers), CPython 3.11.7, libxcrypt 4.4.33.
# bcrypt, argon2-cffi and hashlib release the lock while they calculate, so one expects the same here. While
# `crypt_r.crypt("secret", "$6$rounds=500000$…")` runs in a thread (half a second and more), no other thread runs at all: a
# loop that sleeps a millisecond at a time comes round once. The same call of the same library by ctypes: some 250 times.
# A server that checks passwords of /etc/shadow or of LDAP's {CRYPT} with it answers nothing meanwhile, and whoever may
# choose the number of rounds decides for how long.
#
# What to do: call `crypt_r` of libcrypt by ctypes.CDLL (which releases the lock), with a `struct crypt_data` of its own for
# each call; or hash in another process.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check crypt-r==3.13.1
cat >"$work/rounds.py" <<'PYTHON'
import ctypes
import sys
import threading
import time

import crypt_r

SETTING = "$6$rounds=500000$abcdefgh$"
by_ctypes = ctypes.CDLL("libcrypt.so.1").crypt_r
by_ctypes.restype = ctypes.c_char_p


def rounds_meanwhile(calculate):
    """How often another thread comes round while `calculate` runs."""
    ended, count = threading.Event(), 0

    def run():
        calculate()
        ended.set()

    threading.Thread(target=run).start()
    while not ended.is_set():
        time.sleep(0.001)
        count += 1
    return count


bound = rounds_meanwhile(lambda: crypt_r.crypt("secret", SETTING))
free = rounds_meanwhile(lambda: by_ctypes(b"secret", SETTING.encode(), ctypes.create_string_buffer(256 << 10)))
print(f"another thread came round {bound} times during crypt_r.crypt, {free} times during the same by ctypes")
sys.exit(0 if bound <= 5 and free > 20 else 1)
PYTHON
"$work/venv/bin/python" "$work/rounds.py"
