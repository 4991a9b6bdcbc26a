"""Hashes of crypt(3), as /etc/shadow, LDAP's `{CRYPT}` and htpasswd hold them; the system's library calculates."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from functools import partial

from ostiary.directory.passwords.foreign_hashes.portable_hashes import LETTERS
from ostiary.directory.passwords.foreign_hashes.scheme import PRINTED, Parts, Scheme
from ostiary.directory.passwords.foreign_hashes.scrypt_hashes import scrypt_affordable, scrypt_bytes
from ostiary.directory.passwords.foreign_hashes.system_crypt import can, crypt

MAX_ROUND_BLOCKS = {"5": 3_000_000, "6": 2_000_000}
"""Rounds times blocks of SHA-256 and SHA-512: each round hashes the password twice, so long ones cost more."""
_DEFAULT_ROUNDS = 5_000
_USUAL_LENGTH = 24
"""The length of a password, in bytes, for which the cost of a hash is checked when the hash is imported."""
_LETTER = r"[./0-9A-Za-z]"


def _fits(found: Parts, password: bytes) -> bool:
    made = crypt(password, found[0])
    return made is not None and hmac.compare_digest(made.encode(), found[0].encode())


def _round_blocks(found: Parts, length: int) -> int:
    """Returns the cost of SHA-crypt for a password of this length."""
    digest, block = (32, 64) if found["kind"] == "5" else (64, 128)
    blocks = -(-(2 * length + digest + 16 + 17) // block)
    return int(found["rounds"] or _DEFAULT_ROUNDS) * blocks


def _sha_affordable(found: Parts, length: int = _USUAL_LENGTH) -> bool:
    return _round_blocks(found, length) <= MAX_ROUND_BLOCKS[found["kind"]]


def _sha_fits(found: Parts, password: bytes) -> bool:
    """A password so long that it would cost too much fits none: it can only be tried, or be one in a million."""
    return _sha_affordable(found, len(password)) and _fits(found, password)


def _number(letters: str) -> int:
    return sum(LETTERS.index(letter) << 6 * place for place, letter in enumerate(letters))


def _scrypt_numbers(found: Parts) -> tuple[int, int, int]:
    return LETTERS.index(found["cost"]), _number(found["block"]), _number(found["lanes"])


def _yescrypt_numbers(found: Parts) -> tuple[int, int]:
    """Returns the logarithm of N, and r."""
    return LETTERS.index(found["cost"]) + 1, LETTERS.index(found["block"]) + 1


def _affordable_yescrypt(found: Parts) -> bool:
    cost, block = _yescrypt_numbers(found)
    return scrypt_affordable(cost, block, 1)


def _up_to(most: int, found: Parts) -> bool:
    return int(found["rounds"] or 0) <= most


def _bsdi_affordable(found: Parts) -> bool:
    return _number(found["rounds"]) <= 200_000


def _free(_found: Parts) -> bool:
    return True


def _scheme(
    name: str, beginnings: tuple[str, ...], form: str, sample: str,
    affordable: Callable[[Parts], bool] = _free, matches: Callable[[Parts, bytes], bool] = _fits,
    other_names: tuple[str, ...] = (), memory_kib: Callable[[Parts], int] = lambda _: 0, *, weak: bool = False,
) -> Scheme:  # fmt: skip
    return Scheme(
        name, beginnings, re.compile(form, re.ASCII), affordable, matches, ("crypt", *other_names), memory_kib, weak,
        partial(can, sample),
    )  # fmt: skip


def _sha(kind: str, bits: int, letters: int) -> Scheme:
    form = rf"\$(?P<kind>{kind})\$(?:rounds=(?P<rounds>[1-9]\d{{3,8}})\$)?{PRINTED}{{0,16}}\${_LETTER}{{{letters}}}"
    names = (f"sha{bits}-crypt", f"sha{bits}crypt", f"crypt-sha{bits}")
    return _scheme(f"sha{bits}-crypt", (f"${kind}$",), form, f"${kind}$rounds=1000$ab$", _sha_affordable, _sha_fits,
                   names)  # fmt: skip


def _yescrypt(name: str, kind: str) -> Scheme:
    one = "[./0-9A-Za-j]"  # a number below 48 is one letter; more numbers than these three are rare, and not taken
    form = rf"\${kind}\${one}(?P<cost>{one})(?P<block>{one})\${_LETTER}{{1,86}}\${_LETTER}{{43}}"
    return _scheme(
        name, (f"${kind}$",), form, f"${kind}$j/.$abcd$", _affordable_yescrypt,
        memory_kib=lambda found: scrypt_bytes(*_yescrypt_numbers(found)) >> 10,
    )  # fmt: skip


def _scrypt_memory(found: Parts) -> int:
    cost, block, _lanes = _scrypt_numbers(found)
    return scrypt_bytes(cost, block) >> 10


CRYPT = (
    _yescrypt("yescrypt", "y"),
    _yescrypt("gost-yescrypt", "gy"),
    _sha("6", 512, 86),
    _sha("5", 256, 43),
    _scheme(
        "scrypt-crypt", ("$7$",),
        rf"\$7\$(?P<cost>{_LETTER})(?P<block>{_LETTER}{{5}})(?P<lanes>{_LETTER}{{5}}){PRINTED}{{0,86}}\${_LETTER}{{43}}",
        "$7$2/..../....abcd$", lambda found: scrypt_affordable(*_scrypt_numbers(found)),
        other_names=("scrypt",), memory_kib=_scrypt_memory,
    ),
    _scheme("md5-crypt", ("$1$",), rf"\$1\${PRINTED}{{0,8}}\${_LETTER}{{22}}", "$1$ab$",
            other_names=("md5crypt", "crypt-md5", "md5"), weak=True),
    _scheme("SunMD5", ("$md5",), rf"\$md5(?:,rounds=(?P<rounds>\d{{1,9}}))?\${PRINTED}{{0,16}}\$\$?{_LETTER}{{22}}",
            "$md5$ab$", partial(_up_to, 400_000), other_names=("sun-md5",), weak=True),
    _scheme("sha1-crypt", ("$sha1$",), rf"\$sha1\$(?P<rounds>\d{{1,9}})\${PRINTED}{{0,64}}\${_LETTER}{{28}}",
            "$sha1$4$abcd$", partial(_up_to, 500_000), weak=True),
    _scheme("NT hash", ("$3$",), r"\$3\$\$[0-9a-f]{32}", "$3$", other_names=("nthash", "bsd-nthash"), weak=True),
    _scheme("BSDi extended DES", ("_",), rf"_(?P<rounds>{_LETTER}{{4}}){_LETTER}{{4}}{_LETTER}{{11}}", "_/...abcd",
            _bsdi_affordable, other_names=("bsdi-crypt",), weak=True),
    _scheme("DES crypt", ("",), rf"(?!(?:md5)?[0-9a-f]+$){_LETTER}{{2}}(?:{_LETTER}{{11}}){{1,16}}", "ab",
            other_names=("des-crypt", "bigcrypt"), weak=True),
)  # fmt: skip
"""The last one has no beginning of its own: look for it when all others have been tried."""
