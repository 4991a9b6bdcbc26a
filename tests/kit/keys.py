"""RSA keys for tests: a few pairs that are found once, in the place of new primes for each tenant."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import count
from typing import Any

from jwcrypto.jwk import JWK

PAIRS = 16
"""So many that tenants of one test, and keys of one tenant, have different ones."""


def in_turns(generate: Callable[..., JWK]) -> Callable[..., JWK]:
    """`JWK.generate`, except that RSA keys of 2,048 bits come again after PAIRS of them."""
    pairs: list[JWK] = []
    turns = count()

    def generated(**asked: Any) -> JWK:
        if (asked.pop("kty"), asked.pop("size", None)) != ("RSA", 2048):
            raise ValueError("only RSA keys of 2,048 bits are expected of our own code")
        turn = next(turns)
        if turn < PAIRS:
            pairs.append(generate(kty="RSA", size=2048))
        key = copy.copy(pairs[turn % len(pairs)])
        for name, value in asked.items():
            key[name] = value
        return key

    return generated
