"""Proofs of a sign-in as a session keeps them: what was proved, when and how, so that they count in the next one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.oauth.authorize.state import StepDone
from ostiary.oauth.sessions.refresh import APPID, PLATFORM

_KEPT = "pwd"
PASSWORD: Mapping[str, str] = {APPID: CLOUD_DIRECTORY, PLATFORM: _KEPT}
"""How `amr` says that it was a password, by audience: App ID names the provider, the platform follows RFC 8176."""


def dump_proofs(proofs: Iterable[StepDone], audience: str) -> str:
    """JSON form of proofs that were made at one authorization server."""
    return json.dumps([asdict(_with_method(proof, PASSWORD[audience], _KEPT)) for proof in proofs])


def load_proofs(text: str, audience: str) -> tuple[StepDone, ...]:
    """Reads what `dump_proofs` wrote, in the words of the server that now relies on them."""
    return tuple(_with_method(StepDone(**proof), _KEPT, PASSWORD[audience]) for proof in json.loads(text or "[]"))


def _with_method(proof: StepDone, old: str, new: str) -> StepDone:
    return replace(proof, method=new) if proof.method == old else proof
