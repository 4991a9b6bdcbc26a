"""Authentication of the caller: the bearer token, in whichever header the dialect uses."""

from __future__ import annotations

import re
from typing import Any

from google.api import httpbody_pb2
from google.protobuf.message import Message

from ostiary.access.authentication import Authentication
from ostiary.access.principals import ANONYMOUS, Principal
from ostiary.access.scim_tokens import PREFIX as SCIM_TOKEN
from ostiary.directory.roles.permissions import Permission
from ostiary.errors import invalid
from ostiary.http.forms import read_fields
from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed

_INSPECTED = re.compile(rb"(?:^|&)token=([\w.-]+)(?:&|$)", re.ASCII)
"""The parameter `token` of a form, where a token is written without escapes, as JSON Web Tokens are."""
ALONE = ("csp-auth-token", "x-vmware-vcloud-access-token", "x-vcloud-authorization")
"""Headers of csp and Cloud Director that hold a token and nothing else."""


class Authenticate:
    """Fills `call.principal`. A token that is no good is refused even where anonymous callers are welcome."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """Operations with credentials of their own, and anonymous ones, read no bearer token."""
        rules = call.rules
        if rules.own_credentials and rules.token_form:
            self._look_ahead(call, request)
        if not rules.own_credentials and not rules.need.anonymous:
            token = bearer_token(call.metadata)
            if rules.token_form:
                token = _one_of(token, form_token(getattr(request, rules.token_form, None)))
            call.principal = self._principal(call, token) if token else ANONYMOUS
        return proceed(call, request)

    def _look_ahead(self, call: Call, request: Message) -> None:
        """One question to the store in place of two. Whoever asks in vain learns nothing: the steps decide as ever."""
        body = getattr(request, call.rules.token_form, None)
        found = _INSPECTED.search(body.data) if body is not None else None
        if found is not None:
            tenant_id = str(getattr(request, call.rules.tenant_field, ""))
            self._authentication.look_ahead(call.reading, tenant_id, found[1].decode())

    def _principal(self, call: Call, token: str) -> Principal:
        wanted = call.rules.need.permissions
        if Permission.PROFILE_OWN in wanted:
            return self._authentication.end_user(call.reading, token)
        if token.startswith(SCIM_TOKEN):
            return self._authentication.provisioners.find(call.reading, token)
        return self._authentication.platform(call.reading, token, for_claims=Permission.CLAIMS_READ in wanted)


def form_token(body: httpbody_pb2.HttpBody | None) -> str:
    """The `access_token` of an urlencoded form (RFC 6750 §2.2); empty without one. Raises INVALID for a bad form."""
    kind = body.content_type.partition(";")[0].strip().lower() if body is not None else ""
    if body is None or kind != "application/x-www-form-urlencoded":
        return ""
    return read_fields(body, "access_token").get("access_token")


def _one_of(in_header: str, in_form: str) -> str:
    if in_header and in_form:
        message = "The access token is both in the header and in the form; send it once."
        raise invalid("TWO_TOKENS", message, oauth_error="invalid_request")
    return in_header or in_form


def bearer_token(metadata: dict[str, str]) -> str:
    """The token of `Authorization: Bearer <access> [<id>]` (App ID sends both), else of the first header of `ALONE`
    that has one; else empty.

    A SCIM token counts wherever it stands in `Authorization`: some forms of provisioning clients send what was pasted
    without the scheme, some with it although it was pasted too.
    """
    header = metadata.get("authorization", "")
    if SCIM_TOKEN in header:
        return next((word for word in header.split() if word.startswith(SCIM_TOKEN)), "")
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.split(maxsplit=1)[0] if rest.strip() else ""
    return next((token for name in ALONE if (token := metadata.get(name, "").strip())), "")
