"""Issuing of tokens: claims are made while the store is read, signatures while no connection is held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ostiary.audit.event import Event
from ostiary.keys import jwt
from ostiary.keys.signing import Signer
from ostiary.later import Later
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class UnsignedTokens:
    """Tokens ready to be signed: the access token, and the ID token if there is one. Times are in seconds."""

    signer: Signer
    inputs: Sequence[bytes]
    scope: str
    issued_at: int
    expires_in: int


@dataclass(frozen=True, slots=True)
class Issued:
    """Signed tokens; what was not issued is empty. `grant_id`: the grant opened with them, if any."""

    access_token: str
    identity_token: str
    scope: str
    issued_at: int
    expires_in: int
    refresh_token: str = ""
    grant_id: str = ""

    def document(self) -> dict[str, Any]:
        """The successful response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3); what is empty is left out."""
        tokens = {
            "access_token": self.access_token, "id_token": self.identity_token, "refresh_token": self.refresh_token,
        }  # fmt: skip
        scope = {"scope": self.scope} if self.scope else {}
        given = {name: token for name, token in tokens.items() if token}
        return {**given, "token_type": "Bearer", "expires_in": self.expires_in, **scope}


Settle = Callable[[Work, Issued], Issued]
"""Writes the rows that belong to signed tokens, in the transaction of a batch; returns what is answered."""


class Issuing:
    """The one place that signs tokens: in the threads of the group commit. Hold no connection meanwhile."""

    def __init__(self, group_commit: GroupCommit) -> None:
        self._group_commit = group_commit

    def sign(self, unsigned: UnsignedTokens, now_ms: int, *events: Event) -> Issued:
        """Signs the tokens; returns them once `events` are in the audit ledger."""
        return _issued(unsigned, self._group_commit.sign(unsigned.signer, unsigned.inputs, now_ms, *events))

    def sign_later(self, unsigned: UnsignedTokens, now_ms: int, *events: Event) -> Later[Issued]:
        """Does the same, and returns at once."""
        signed = self._group_commit.sign_later(unsigned.signer, unsigned.inputs, now_ms, *events)
        return signed.around(lambda signatures: _issued(unsigned, signatures()))

    def sign_and_write(self, unsigned: UnsignedTokens, settle: Settle, now_ms: int, *events: Event) -> Issued:
        """Signs the tokens, and passes them to `settle`; returns its result once its rows and `events` are
        committed."""
        return self._group_commit.sign_and_write(
            unsigned.signer, unsigned.inputs, lambda work, signatures: settle(work, _issued(unsigned, signatures)),
            now_ms, *events,
        )  # fmt: skip


def _issued(unsigned: UnsignedTokens, signatures: Sequence[bytes]) -> Issued:
    tokens = [
        f"{signed.decode()}.{jwt.b64(signature)}" for signed, signature in zip(unsigned.inputs, signatures, strict=True)
    ]
    identity_token = tokens[1] if len(tokens) > 1 else ""
    return Issued(tokens[0], identity_token, unsigned.scope, unsigned.issued_at, unsigned.expires_in)


def with_refresh(issued: Issued, refresh_token: str, grant_id: str = "") -> Issued:
    """Returns the same tokens with a refresh token beside them."""
    return replace(issued, refresh_token=refresh_token, grant_id=grant_id)
