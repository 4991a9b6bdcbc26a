"""Password of a directory user at the platform: the sign-in of the grant, and the part that all its sign-ins share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ostiary.clock import Clock
from ostiary.directory.signin.admission import wrong_credentials
from ostiary.directory.signin.password_sign_in import PasswordSignIn, ProvedPassword
from ostiary.ids import Entropy
from ostiary.oauth.platform.accounts import Account, living_account
from ostiary.oauth.sessions.sessions import open_session
from ostiary.oauth.token.profile import RequestConnection, TokenRequest
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

AMR = "pwd"
"""RFC 8176: how everybody signs in here for now."""
SESSION_LIFETIME_S = 90 * 86_400
"""The longest time for which a sign-in can be refreshed."""
Found = TypeVar("Found")


def admitted(work: Work, sign_in: PasswordSignIn, proof: ProvedPassword, now_ms: int) -> Account:
    """The account of who has proved the password, in the transaction of what the sign-in opens. Raises what `admit`
    raises."""
    user = sign_in.admit(work, proof)
    account = living_account(work, proof.tenant, user.user_id, now_ms)
    if account is None:
        raise wrong_credentials()
    return account


@dataclass(frozen=True, slots=True)
class PlatformPassword:
    """Signs directory users in by their password."""

    store: Store
    clock: Clock
    sign_in: PasswordSignIn

    def __call__(
        self, reading: RequestConnection, tenant: TenantView, login: str, password: str,
        then: Callable[[Work, Account], Found], *, is_alone: bool = True,
    ) -> Found:  # fmt: skip
        """What `then` makes of the account, in the transaction that notes the sign-in. `is_alone`: no second factor can
        be asked for afterwards. Raises what `PasswordSignIn` raises. Reads on the connection of the request, and
        releases it before the hash."""
        known = self.sign_in.look_up(reading.work, tenant, login, at_platform=True, is_alone=is_alone)
        reading.release()
        proof = self.sign_in.prove(known, password)
        with self.store.write() as work:
            return then(work, admitted(work, self.sign_in, proof, self.clock.now_ms()))


@dataclass(frozen=True, slots=True)
class PlatformGrantSignIn:
    """The sign-in of the platform's password grant: it opens a session, on which its tokens depend."""

    password: PlatformPassword
    entropy: Entropy
    kind: str

    def __call__(self, request: TokenRequest[Account], username: str, password: str) -> Account:
        """The account, with its session."""

        def opened(work: Work, account: Account) -> Account:
            session = open_session(
                work, request.tenant.id, self.kind, account.id, AMR, request.now_ms, SESSION_LIFETIME_S, self.entropy,
                access_epoch=account.access_epoch,
            )  # fmt: skip
            return replace(account, session_id=session.id)

        return self.password(request.reading, request.tenant, username, password, opened)
