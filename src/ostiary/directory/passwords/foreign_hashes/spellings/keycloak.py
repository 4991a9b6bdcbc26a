"""Keycloak (26.7): a credential of a realm's export, whose `secretData` and `credentialData` are JSON in a text.

Taken as a whole (`{"secretData": …, "credentialData": …}`, other members are ignored), with both as texts or
as objects, or with their members side by side. Keycloak may ask PBKDF2 for more bytes than one digest has; one digest
decides.
"""

from __future__ import annotations

import json
from typing import Any

from ostiary.directory.passwords.foreign_hashes.pbkdf2_hashes import digest_bytes
from ostiary.directory.passwords.foreign_hashes.scheme import data, text
from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, pbkdf2, spelling

_DIGESTS = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
_VERSIONS = {"1.0": 16, "1.3": 19}


def _credential(found: Found) -> str | None:
    """Raises ValueError."""
    try:
        facts = _facts(json.loads(found[0]))
        algorithm = facts["algorithm"]
        if algorithm == "argon2":
            return _argon2(facts)
        if algorithm in _DIGESTS:
            return _pbkdf2(_DIGESTS[algorithm], facts)
        return str(facts["value"])  # an extension's algorithm, when its value says what it is
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError("no credential of Keycloak") from error


def _facts(document: dict[str, Any]) -> dict[str, Any]:
    facts = dict(document)
    for name in ("secretData", "credentialData"):
        part = facts.pop(name, {})
        facts |= json.loads(part) if isinstance(part, str) else part
    return facts


def _pbkdf2(digest: str, facts: dict[str, Any]) -> str:
    value = data(facts["value"])[: digest_bytes(digest)]
    return pbkdf2(digest, facts["hashIterations"], data(facts["salt"]), value)


def _argon2(facts: dict[str, Any]) -> str:
    def parameter(name: str) -> str:
        given = facts["additionalParameters"][name]
        return str(given[0] if isinstance(given, list) else given)

    version = _VERSIONS[parameter("version")]
    numbers = f"m={int(parameter('memory'))},t={int(facts['hashIterations'])},p={int(parameter('parallelism'))}"
    salt, value = text(data(facts["salt"])), text(data(facts["value"]))
    return f"$argon2{parameter('type')}$v={version}${numbers}${salt}${value}"


KEYCLOAK = (spelling("Keycloak", r"(?s:\s*\{\s*\".*\}\s*)", _credential),)
