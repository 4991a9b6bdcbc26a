"""Password grant (RFC 6749 §4.3) for directory users. It never asks for a second factor."""

from __future__ import annotations

from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.oauth.claims.scopes import requested_scopes
from ostiary.oauth.sessions.refresh import APPID, ROTATING, GrantTerms
from ostiary.oauth.token.grants.grant import Authorized, TokenRequest
from ostiary.oauth.token.progressive import PARAMETER, AnonymousTokens
from ostiary.oauth.token.user_sign_in import UserSignIn


class PasswordGrant:
    """`username` (mail address or user name) and `password`; `appid_access_token` of who was anonymous until now."""

    public_clients = False

    def __init__(self, sign_in: UserSignIn, anonymous: AnonymousTokens) -> None:
        self._sign_in = sign_in
        self._anonymous = anonymous

    def authorize(self, request: TokenRequest) -> Authorized:
        """Signs the user in; raises what that raises."""
        form = request.form
        username, password = form.required("username"), form.required("password")
        anonymous_id = self._anonymous.profile_of(
            request.reading.work, request.tenant, request.client.id, form.get(PARAMETER)
        )  # fmt: skip
        request.reading.release()
        subject = self._sign_in(request.tenant, username, password, request.request_id, anonymous_id)
        asked = requested_scopes(form.get("scope"), request.client.name)
        terms = GrantTerms(
            ROTATING, APPID, subject.id, request.now_ms, client_id=request.client.id, user_id=subject.user_id,
            scope=" ".join(asked), amr=CLOUD_DIRECTORY,
            access_epoch=subject.access_epoch,
        )  # fmt: skip
        return Authorized(subject, CLOUD_DIRECTORY, auth_time=request.now_ms, terms=terms)
