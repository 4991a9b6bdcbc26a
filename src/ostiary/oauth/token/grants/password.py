"""Password grant (RFC 6749 §4.3) for directory users. It never asks for a second factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from ostiary.oauth.claims.scopes import requested_scopes
from ostiary.oauth.sessions.refresh import ROTATING, GrantTerms
from ostiary.oauth.token.profile import Authorized, GrantType, TokenRequest


class Person(Protocol):
    """A subject behind which there is a directory user."""

    @property
    def id(self) -> str:
        """The `sub` of its tokens."""
        ...

    @property
    def user_id(self) -> str:
        """The directory id of the user."""
        ...

    @property
    def session_id(self) -> str:
        """The session that the sign-in has opened, if one has."""
        ...

    @property
    def access_epoch(self) -> int:
        """Its access epoch at the sign-in."""
        ...


AnyPerson = TypeVar("AnyPerson", bound=Person)


class PasswordGrant(GrantType[AnyPerson]):
    """`username` (mail address or user name) and `password`. `sign_in` is how the profile lets people in; it releases
    the request's connection. `amr` is what its tokens say of the sign-in."""

    mobile_apps = True

    def __init__(self, sign_in: Callable[[TokenRequest[AnyPerson], str, str], AnyPerson], amr: str) -> None:
        self._sign_in = sign_in
        self._amr = amr

    def authorize(self, request: TokenRequest[AnyPerson]) -> Authorized[AnyPerson]:
        """Signs the user in; raises what that raises."""
        username, password = request.form.required("username"), request.form.required("password")
        subject = self._sign_in(request, username, password)
        client = request.required_client
        asked = requested_scopes(request.form.get("scope"), client.name)
        terms = GrantTerms(
            ROTATING, request.profile.audience, subject.id, request.now_ms, client_id=client.id,
            user_id=subject.user_id, session_id=subject.session_id, scope=" ".join(asked), amr=self._amr,
            access_epoch=subject.access_epoch,
        )  # fmt: skip
        return Authorized(
            subject, self._amr, auth_time=request.now_ms, session_id=subject.session_id,
            audit_target=("session", subject.session_id), terms=terms,
        )  # fmt: skip
