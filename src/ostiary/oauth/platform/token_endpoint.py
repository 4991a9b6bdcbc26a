"""The platform's token endpoint, at `/oidc/oauth2/token` and, with the older names, at `/csp/…/auth/token`.

read the form → authenticate the client → the grant → sign → answer
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ostiary.audit.entries import record
from ostiary.clock import Clock
from ostiary.errors import invalid
from ostiary.http.forms import Form
from ostiary.ids import Entropy
from ostiary.keys.sealing import Sealing
from ostiary.oauth.clients.any_tenant import authenticate_client_of_any_tenant
from ostiary.oauth.clients.clients import ClientView
from ostiary.oauth.platform.accounts import living_account
from ostiary.oauth.platform.sessions import OpenedSession, PlatformSessions, SignInContext
from ostiary.oauth.platform.tokens import PlatformTokens
from ostiary.oauth.sessions.refresh import (
    API_TOKEN,
    PLATFORM,
    ROTATING,
    HeldGrant,
    Overtaken,
    Reused,
    get_grant,
    invalid_grant,
    new_refresh_token,
    origin_of_refresh_token,
    repeated_answer,
    revoke_grant,
    rotate,
)
from ostiary.oauth.sessions.sessions import find_session
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy, TenantView
from ostiary.store.work import Work

REFRESH_LIFETIME_S = 30 * 86_400
"""The lifetime of a rotating refresh token; each use starts it again."""


@dataclass(frozen=True, slots=True)
class PlatformTokenResponse:
    """A token response (RFC 6749 §5.1); what is empty is left out."""

    access_token: str
    expires_in: int
    scope: str = ""
    refresh_token: str = ""
    identity_token: str = ""


@dataclass(frozen=True, slots=True)
class PlatformTokenRequest:
    """A token request: the header Authorization (empty when absent), the form, and by which issuer to sign."""

    authorization: str
    form: Form
    issuer: str
    sign_in_context: SignInContext


class PlatformTokenEndpoint:
    """Turns grants into platform tokens. Opens transactions of its own: call it outside any."""

    def __init__(
        self, store: Store, tenancy: Tenancy, clock: Clock, entropy: Entropy, sealing: Sealing, tokens: PlatformTokens,
        sessions: PlatformSessions, group_commit: GroupCommit,
    ) -> None:  # fmt: skip
        self._store = store
        self._tenancy = tenancy
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing
        self._tokens = tokens
        self._sessions = sessions
        self._group_commit = group_commit

    def __call__(self, request: PlatformTokenRequest) -> PlatformTokenResponse:
        """The token response; raises RFC 6749 §5.2 errors."""
        match request.form.required("grant_type"):
            case "client_credentials":
                return self._client_credentials(request)
            case "refresh_token":
                return self._refresh(request)
        raise unsupported_grant_type("client_credentials and refresh_token")

    def _client_credentials(self, request: PlatformTokenRequest) -> PlatformTokenResponse:
        with self._store.read() as work:
            tenant, client = self._client(work, request, request.form.get("orgId"))
            if not client.service_account or client.is_public:
                raise _unauthorized_client()
            if request.form.get("orgId") not in ("", tenant.id):
                message = "orgId must be the client's own organization, or be left out."
                raise invalid("UNKNOWN_ORGANIZATION", message, oauth_error="invalid_request")
            issued = self._tokens.issue(work, client.id, "client", tenant.id, issuer=request.issuer, azp=client.id)
        entry = request.sign_in_context.entry(tenant.id, "client", client.id, "client", client.id)
        self._group_commit.append(self._clock.now_ms(), entry)
        return PlatformTokenResponse(issued.token, issued.expires_in)

    def _client(self, work: Work, request: PlatformTokenRequest, tenant_id: str) -> tuple[TenantView, ClientView]:
        """The client and its organization; these paths name no tenant. `tenant_id` is the one that the request speaks
        of, or empty."""
        authorization, form = request.authorization, request.form
        return authenticate_client_of_any_tenant(work, self._tenancy, authorization, form, tenant_id)

    def _refresh(self, request: PlatformTokenRequest) -> PlatformTokenResponse:
        token = request.form.required("refresh_token")
        with self._store.read() as work:
            origin = origin_of_refresh_token(work, token)
            named = request.authorization or request.form.get("client_id") or request.form.get("client_assertion")
            tenant_id, client_id = origin.tenant_id if origin is not None else "", ""
            if named:
                tenant, client = self._client(work, request, tenant_id)
                if origin is not None and tenant.id != tenant_id:  # a client of another tenant may have the same id
                    raise invalid_grant()
                client_id = client.id
        if origin is not None and origin.kind == API_TOKEN:
            opened = self._sessions.use_api_token(request.sign_in_context, token, request.issuer, client_id=client_id)
            return answer_of(opened, refresh_token=token)
        if origin is None:
            raise invalid_grant()
        for _ in range(2):
            try:
                return self._rotated(request, origin.tenant_id, token, client_id)
            except Overtaken:  # used or revoked while we signed: what it is now decides, on the second look
                continue
        raise invalid_grant()

    def _rotated(
        self, request: PlatformTokenRequest, tenant_id: str, token: str, client_id: str
    ) -> PlatformTokenResponse:
        now_ms = self._clock.now_ms()
        held = self._held(tenant_id, token, client_id, now_ms)
        if held.sealed_answer:
            return PlatformTokenResponse(**repeated_answer(self._sealing, held))
        with self._store.read() as work:
            answer = self._renewed(work, held, request.issuer, now_ms)
        with self._store.write() as work:
            rotate(work, self._sealing, held, answer.refresh_token, asdict(answer), now_ms, REFRESH_LIFETIME_S)
            record(
                work,
                now_ms,
                request.sign_in_context.entry(tenant_id, "user", held.terms.user_id, "grant", held.grant_id),
            )
        return answer

    def _held(self, tenant_id: str, token: str, client_id: str, now_ms: int) -> HeldGrant:
        try:
            with self._store.read() as work:
                return get_grant(work, tenant_id, token, ROTATING, PLATFORM, now_ms, client_id)
        except Reused as reuse:
            with self._store.write(awaited=False) as work:
                revoke_grant(work, tenant_id, reuse.grant_id, now_ms)
            raise invalid_grant() from reuse

    def _renewed(self, work: Work, held: HeldGrant, issuer: str, now_ms: int) -> PlatformTokenResponse:
        """Reads the subject again: a user who is locked, deactivated or deleted since the sign-in gets no tokens."""
        tenant, terms = self._tenancy.find(work, held.tenant_id), held.terms
        account = living_account(work, tenant, terms.user_id, now_ms) if tenant is not None else None
        session = terms.session_id and find_session(work, held.tenant_id, terms.session_id, now_ms)
        if account is None or account.user.access_epoch != terms.access_epoch or (terms.session_id and not session):
            raise invalid_grant()
        claims = account.access_claims() | ({"sid": terms.session_id} if terms.session_id else {})
        access = self._tokens.issue(
            work, terms.subject, "user", held.tenant_id, issuer=issuer, azp=terms.client_id, **claims
        )
        return PlatformTokenResponse(access.token, access.expires_in, terms.scope, new_refresh_token(self._entropy))


def answer_of(opened: OpenedSession, *, refresh_token: str = "", identity_token: str = "") -> PlatformTokenResponse:
    """The token response of a session; its scope are the permissions."""
    scope = " ".join(opened.account.perms)
    return PlatformTokenResponse(opened.access.token, opened.access.expires_in, scope, refresh_token, identity_token)


def unsupported_grant_type(known: str) -> Exception:
    """RFC 6749 §5.2 `unsupported_grant_type`."""
    message = f"grant_type must be one of {known}."
    return invalid("UNSUPPORTED_GRANT_TYPE", message, oauth_error="unsupported_grant_type")


def _unauthorized_client() -> Exception:
    message = "Only a service account may use client_credentials here: an operator must allow-list the application."
    return invalid("UNAUTHORIZED_CLIENT", message, oauth_error="unauthorized_client")
