"""Directory users, service accounts and their platform tokens, for tests of the platform's dialects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kit.callers import Caller, bearer
from kit.servers.installation import ENTROPY, Installation

from ostiary.access.scim_tokens import Maker, create_scim_token
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import installation_operator
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.oauth.clients.clients import create_client
from ostiary.oauth.platform.tokens import PlatformOrder
from ostiary.oauth.sessions.sessions import open_session
from ostiary.store.tables import Client
from ostiary.store.tenancy import SYSTEM_ID, touch

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Made:
    """A user or client that a test made, with a platform token for it."""

    id: str
    name: str
    tenant_id: str
    token: str
    secret: str = ""

    @property
    def call(self) -> dict[str, Any]:
        """Call arguments that carry its token."""
        return bearer(self.token)


def new_person(installation: Installation, tenant_id: str, name: str, *roles: str) -> Made:
    """A confirmed directory user with the password PASSWORD, signed in."""
    runtime = installation.runtime
    phc = runtime.directory.passwords.hash(tenant_id, PASSWORD)
    emails = (Contact(f"{name}@example.com", primary=True, verified=True),)
    new = NewUser(emails=emails, user_name=name, may_sign_in=True,
                  given_name="Ann", family_name="Other")  # fmt: skip
    now_ms = installation.clock.now_ms()
    with runtime.store.write() as work:
        user = create_user(work, tenant_id, new, phc, ENTROPY, now_ms)
        for role in roles:
            bind_role(work, tenant_id, user.id, role, now_ms)
        session = open_session(work, tenant_id, "csp", user.id, "pwd", now_ms, 3600, ENTROPY, access_epoch=0)
    return Made(user.id, name, tenant_id, platform_token(installation, user.id, "user", tenant_id, sid=session.id))


def platform_token(installation: Installation, subject: str, kind: str, tenant_id: str, **claims: str) -> str:
    runtime, now_ms = installation.runtime, installation.clock.now_ms()
    with runtime.store.read() as work:
        signer = runtime.oauth.platform_tokens.signer(work)
    unsigned = runtime.oauth.platform_tokens.prepare(
        signer, PlatformOrder(subject, kind, tenant_id, claims=claims), now_ms
    )
    return runtime.oauth.token_endpoint.issuing.sign(unsigned, now_ms).access_token


def new_client(installation: Installation, tenant_id: str, *, service_account: bool) -> Made:
    """A confidential client, allow-listed or not, with a platform token."""
    runtime = installation.runtime
    with runtime.store.write() as work:
        view, secret = create_client(
            work, runtime.sealing, ENTROPY, tenant_id, "robot", "regularwebapp", installation.clock.now_ms()
        )
        row = work.get(Client, (tenant_id, view.id), lock=True)
        assert row is not None
        row.service_account = service_account
        touch(work, tenant_id)
    token = platform_token(installation, view.id, "client", tenant_id)
    return Made(view.id, "robot", tenant_id, token, secret)


def new_scim_token(installation: Installation, tenant_id: str, *, read_only: bool = False) -> Made:
    """A SCIM token that has no end."""
    runtime, maker = installation.runtime, Maker("command_line", "0", installation_operator)
    with runtime.store.write() as work:
        row, value = create_scim_token(
            work, tenant_id, "robot", None, maker, ENTROPY, installation.clock.now_ms(), read_only=read_only
        )  # fmt: skip
    return Made(row.id, "robot", tenant_id, value)


def cast(caller: Caller, suffix: str = "") -> dict[str, dict[str, Any]]:
    """Callers by the names of the documented access tables, and the owner of another organization (stranger).

    `suffix` keeps a second cast apart from the first.
    """
    installation = caller.installation
    home, other = installation.tenant_id, installation.new_tenant(f"stranger{suffix}")
    people = {
        "org_owner": new_person(installation, home, f"owner{suffix}", "org_owner"),
        "org_member": new_person(installation, home, f"member{suffix}", "org_member"),
        "service_account": new_client(installation, home, service_account=True),
        "platform_operator": new_person(installation, SYSTEM_ID, f"root{suffix}", "platform_operator"),
        "stranger": new_person(installation, other, f"foreigner{suffix}", "org_owner"),
    }
    return {name: made.call for name, made in people.items()}
