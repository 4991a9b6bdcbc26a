"""Who is asking: the bearer token, in whichever header the dialect carries it."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.access.authentication import Authentication
from ostiary.access.principals import ANONYMOUS
from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed
from ostiary_api.options.v1 import rules_pb2 as options


class Authenticate:
    """Fills `call.principal`. A token that is no good is refused even where anonymous callers are welcome."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """Operations with credentials of their own, and anonymous ones, read no bearer token."""
        rules = call.rules
        if not rules.own_credentials and not rules.need.anonymous:
            token = bearer_token(call.metadata)
            wants_end_user = options.ROLE_END_USER in rules.need.roles
            check = self._authentication.end_user if wants_end_user else self._authentication.platform
            call.principal = check(call.reading, token) if token else ANONYMOUS
        return proceed(call, request)


def bearer_token(metadata: dict[str, str]) -> str:
    """The token of `Authorization: Bearer <access> [<id>]` (App ID sends both), of `csp-auth-token` or of cloudapi's
    older `x-vcloud-authorization`; else empty."""
    scheme, _, rest = metadata.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.split(maxsplit=1)[0] if rest.strip() else ""
    return (metadata.get("csp-auth-token") or metadata.get("x-vcloud-authorization", "")).strip()
