"""Sign-in at csp or cloudapi: a password or an API token is exchanged for a session, and for tokens that depend on
it."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.audit.entries import Entry, record
from ostiary.clock import Clock
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.signin.admission import wrong_credentials
from ostiary.directory.signin.password_sign_in import PasswordSignIn
from ostiary.ids import Entropy
from ostiary.names import name_key
from ostiary.oauth.platform.accounts import Account, living_account
from ostiary.oauth.platform.tokens import LIFETIME_S, Issued, PlatformTokens
from ostiary.oauth.sessions.refresh import (
    API_TOKEN,
    API_TOKEN_LIFETIME_S,
    PLATFORM,
    GrantTerms,
    get_grant,
    invalid_grant,
    new_refresh_token,
    note_use,
    open_grant,
    origin_of_refresh_token,
)
from ostiary.oauth.sessions.sessions import open_session
from ostiary.store.engine import Store
from ostiary.store.tables import Session
from ostiary.store.tenancy import Tenancy, TenantView, default_tenant, tenant_named
from ostiary.store.work import Work

LOCAL_DIRECTORY = "System Domain"
"""The name by which clients of vRealize Automation call the server's own directory, here the default organization's. No
organization can have this name, since it contains a blank."""
CSP, CLOUDAPI = "csp", "cloudapi"
"""The kinds of sessions."""
AMR = "pwd"
"""RFC 8176: how everybody signs in here for now."""


@dataclass(frozen=True, slots=True)
class SignInContext:
    """The interface at which a user signs in: `kind` is csp or cloudapi, `audit` the event that is recorded."""

    kind: str
    audit: str
    request_id: str

    def entry(self, tenant_id: str, who: str, who_id: str, target: str, target_id: str) -> Entry:
        """Returns the audit entry for issued tokens: `who` is user or client, `target` what the tokens depend on."""
        return Entry(
            tenant_id=tenant_id, action=self.audit, initiator_kind=who, initiator_id=who_id, target_type=target,
            target_id=target_id, request_id=self.request_id,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session with its access token, and the API token if one was asked for."""

    account: Account
    session: Session
    access: Issued
    api_token: str = ""


class PlatformSessions:
    """Opens sessions. Its methods open transactions of their own: call them outside any."""

    def __init__(
        self, store: Store, tenancy: Tenancy, clock: Clock, entropy: Entropy, tokens: PlatformTokens,
        passwords: Passwords, sign_in: PasswordSignIn,
    ) -> None:  # fmt: skip
        self._store = store
        self._tenancy = tenancy
        self._clock = clock
        self._entropy = entropy
        self._tokens = tokens
        self._passwords = passwords
        self._sign_in = sign_in

    def sign_in(self, at: SignInContext, org: str, login: str, password: str, *, api_token: str = "") -> OpenedSession:
        """Signs a user in at the organization named `org` (empty, or LOCAL_DIRECTORY in any case: the default one).

        With `api_token`, its name, an API token of 90 days is issued too. Raises what PasswordSignIn raises; an unknown
        organization looks like a wrong password, and takes as long.
        """
        tenant = self._tenant_named(org)
        if tenant is None:
            self._passwords.verify("", None, password)
            raise wrong_credentials()
        user = self._sign_in.at_platform(tenant, login, password)
        now_ms = self._clock.now_ms()
        with self._store.write() as work:
            session = open_session(
                work, tenant.id, at.kind, user.user_id, AMR, now_ms, LIFETIME_S, self._entropy,
                access_epoch=user.access_epoch,
            )  # fmt: skip
            secret = self._new_api_token(work, session, api_token, now_ms) if api_token else ""
            record(work, now_ms, at.entry(tenant.id, "user", user.user_id, "session", session.id))
        return self._opened(tenant, session, "", api_token=secret)

    def use_api_token(
        self, at: SignInContext, token: str, issuer: str, *, client_id: str = "", org: str = ""
    ) -> OpenedSession:
        """Swaps an API token for a session of its own, which ends when the API token is revoked.

        `client_id` is the client that presents it, `org` the name of the organization whose it must be (empty:
        anybody's). Raises `invalid_grant`, alike for a token that is unknown, expired, revoked, another client's or
        organization's, and when its user may not sign in.
        """
        now_ms = self._clock.now_ms()
        tenant = self._owner(token)
        if org and name_key(org) != name_key(tenant.name):
            raise invalid_grant()
        with self._store.write() as work:
            held = get_grant(work, tenant.id, token, API_TOKEN, PLATFORM, now_ms, client_id)
            # Before the session: a revocation that comes between finds this row locked, and then the session too.
            if not note_use(work, held, now_ms):
                raise invalid_grant()
            session = open_session(
                work, tenant.id, at.kind, held.terms.user_id, held.terms.amr, now_ms, LIFETIME_S, self._entropy,
                grant_id=held.grant_id, access_epoch=held.terms.access_epoch,
            )  # fmt: skip
            record(work, now_ms, at.entry(tenant.id, "user", session.user_id, "session", session.id))
        return self._opened(tenant, session, issuer)

    def identity_token(self, opened: OpenedSession, audience: str, issuer: str = "") -> str:
        """Issues an identity token about the user who signed in, for `audience`."""
        claims = opened.account.identity_claims()
        with self._store.read() as work:
            return self._tokens.identify(
                work, opened.account.user.id, audience, issuer=issuer, auth_time=opened.session.auth_time // 1000,
                amr=opened.session.amr.split(), **claims,
            )  # fmt: skip

    def _tenant_named(self, org: str) -> TenantView | None:
        with self._store.read() as work:
            key = name_key(org)
            local = not org or key == name_key(LOCAL_DIRECTORY)
            tenant_id = default_tenant(work) if local else None if "\0" in key else tenant_named(work, key)
            tenant = self._tenancy.find(work, tenant_id) if tenant_id else None
            return tenant if tenant is not None and tenant.enabled else None

    def _owner(self, token: str) -> TenantView:
        with self._store.read() as work:
            origin = origin_of_refresh_token(work, token)
            tenant = self._tenancy.find(work, origin.tenant_id) if origin else None
        if tenant is None or not tenant.enabled:
            raise invalid_grant()
        return tenant

    def _new_api_token(self, work: Work, session: Session, name: str, now_ms: int) -> str:
        secret, user_id = new_refresh_token(self._entropy), session.user_id
        terms = GrantTerms(
            kind=API_TOKEN, audience=PLATFORM, subject=user_id, auth_time=now_ms, user_id=user_id, name=name, amr=AMR,
            access_epoch=session.access_epoch,
        )  # fmt: skip
        open_grant(work, session.tenant_id, terms, secret, self._entropy, now_ms, API_TOKEN_LIFETIME_S)
        return secret

    def _opened(self, tenant: TenantView, session: Session, issuer: str, api_token: str = "") -> OpenedSession:
        with self._store.read() as work:
            account = living_account(work, tenant, session.user_id, self._clock.now_ms())
            if account is None or account.user.access_epoch != session.access_epoch:
                raise invalid_grant()
            access = self._tokens.issue(
                work, session.user_id, "user", tenant.id, issuer=issuer, sid=session.id, **account.access_claims()
            )
        return OpenedSession(account, session, access, api_token)
