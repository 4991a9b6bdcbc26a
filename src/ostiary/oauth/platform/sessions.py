"""Sign-in at csp or cloudapi: a password is exchanged for a session, and for tokens that depend on it."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.signin.admission import wrong_credentials
from ostiary.directory.signin.password_sign_in import PasswordSignIn
from ostiary.ids import Entropy
from ostiary.names import name_key
from ostiary.oauth.platform.accounts import Account
from ostiary.oauth.platform.api_tokens import new_api_token
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.platform.identity import identity_claims
from ostiary.oauth.platform.password import AMR, admitted
from ostiary.oauth.platform.tokens import LIFETIME_S, PlatformOrder, PlatformTokens
from ostiary.oauth.sessions.sessions import open_session
from ostiary.oauth.token.issuing import Issued, Issuing
from ostiary.store.engine import Store
from ostiary.store.tables import Session
from ostiary.store.tenancy import Tenancy, TenantView, default_tenant, tenant_named
from ostiary.store.work import Work

LOCAL_DIRECTORY = "System Domain"
"""The name by which clients of vRealize Automation call the server's own directory, here the default organization's. No
organization can have this name, since it contains a blank."""
CSP, CLOUDAPI = "csp", "cloudapi"
"""The kinds of sessions."""


@dataclass(frozen=True, slots=True)
class SignInContext:
    """The interface at which a user signs in: `kind` is csp or cloudapi, `audit` the event that is recorded."""

    kind: str
    audit: str
    request_id: str


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session with its tokens, and the API token if one was asked for."""

    account: Account
    session: Session
    issued: Issued
    api_token: str = ""


class PlatformSessions:
    """Opens sessions. Opens transactions of its own: call it outside any."""

    def __init__(
        self, store: Store, tenancy: Tenancy, clock: Clock, entropy: Entropy, tokens: PlatformTokens,
        passwords: Passwords, sign_in: PasswordSignIn, issuing: Issuing, events: EventSink,
    ) -> None:  # fmt: skip
        self._store = store
        self._tenancy = tenancy
        self._clock = clock
        self._entropy = entropy
        self._tokens = tokens
        self._passwords = passwords
        self._sign_in = sign_in
        self._issuing = issuing
        self._events = events

    def sign_in(
        self, at: SignInContext, org: str, login: str, password: str, *, api_token: str = "", audience: str = ""
    ) -> OpenedSession:
        """Signs a user in at the organization named `org` (empty, or LOCAL_DIRECTORY in any case: the default one).

        With `api_token`, its name, an API token of 90 days is issued too; with `audience` an identity token. Raises
        what PasswordSignIn raises; an unknown organization looks like a wrong password, and takes as long.
        """
        with self._store.read() as work:
            tenant = self._tenant_named(work, org)
            known = self._sign_in.look_up(work, tenant, login, at_platform=True) if tenant else None
            signer = self._tokens.signer(work)
        if tenant is None or known is None:
            self._passwords.verify("", None, password)
            raise wrong_credentials()
        proof = self._sign_in.prove(known, password)
        now_ms = self._clock.now_ms()
        with self._store.write() as work:
            account = admitted(work, self._sign_in, proof, now_ms)
            session = open_session(
                work, tenant.id, at.kind, account.id, AMR, now_ms, LIFETIME_S, self._entropy,
                access_epoch=account.access_epoch,
            )  # fmt: skip
            secret = new_api_token(work, session, api_token, self._entropy, now_ms) if api_token else ""
            target = ("session", session.id)
            self._events.emit(work, tokens_issued(tenant.id, at.audit, at.request_id, ("user", account.id), target))
        unsigned = self._tokens.prepare(signer, self._order(account, session, audience), now_ms)
        return OpenedSession(account, session, self._issuing.sign(unsigned, now_ms), secret)

    def _tenant_named(self, work: Work, org: str) -> TenantView | None:
        key = name_key(org)
        local = not org or key == name_key(LOCAL_DIRECTORY)
        tenant_id = default_tenant(work) if local else None if "\0" in key else tenant_named(work, key)
        tenant = self._tenancy.find(work, tenant_id) if tenant_id else None
        return tenant if tenant is not None and tenant.enabled else None

    def _order(self, account: Account, session: Session, audience: str) -> PlatformOrder:
        of_session = {"auth_time": session.auth_time // 1000, "amr": session.amr.split(), "sid": session.id}
        identity = {**of_session, **identity_claims(account, self._tokens.expand_at)}
        claims = account.access_claims(self._tokens.roles_at(account.tenant.id))
        return PlatformOrder(
            account.id, "user", account.tenant.id, scope=" ".join(account.perms),
            claims={**claims, "sid": session.id}, audience=audience, identity=identity if audience else {},
        )  # fmt: skip
