"""OAuth clients: App ID's applications. What a request needs of them is cached with the tenant."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from ostiary.directory.preferences.preferences import CLIENT, Owner, forget_preferences
from ostiary.errors import conflict, invalid, not_found
from ostiary.ids import Entropy, digest, new_id, same
from ostiary.keys.sealing import SealedField, Sealing
from ostiary.names import check_name, is_text
from ostiary.oauth.clients.mobile_apps import MOBILE, AppOnDevice, find_app
from ostiary.oauth.clients.mobile_registration import MOBILE_REGISTRATION
from ostiary.oauth.clients.redirect_uris import check_logout_uri, check_uri_list, registered_uris
from ostiary.oauth.sessions.refresh import revoke_grants_of
from ostiary.store.tables import AuthorizationCode, Client, ClientScope, RoleScope, table_of
from ostiary.store.tenancy import TenantView, touch
from ostiary.store.work import Work

CONFIDENTIAL, PUBLIC = "regularwebapp", "singlepageapp"
"""The two types of an application: with a secret, and without."""
TYPES = (CONFIDENTIAL, PUBLIC)
MAX_NAME = 50
MAX_CLIENT_ID = 255
SHORTEST_S, LONGEST_ACCESS_S, LONGEST_REFRESH_S = 60, 86_400, 7_776_000
"""The lifetimes of tokens that a client may have of its own. The longest are App ID's: what is kept because a token may
still be alive is kept that long."""
MAX_CLIENTS = 200
MAX_SCOPES = 50
_SCOPE = re.compile(r"(?!appid|openid)[a-z0-9._]{1,49}")

_CLIENTS, _CODES = table_of(Client), table_of(AuthorizationCode)
_SCOPES, _ROLE_SCOPES = table_of(ClientScope), table_of(RoleScope)
_OF_TENANT = (
    select(
        _CLIENTS.c.id, _CLIENTS.c.name, _CLIENTS.c.type, _CLIENTS.c.secret_digest, _CLIENTS.c.sealed_secret,
        _CLIENTS.c.enabled, _CLIENTS.c.service_account, _CLIENTS.c.redirect_uris, _CLIENTS.c.logout_redirect_uris,
        _CLIENTS.c.access_lifetime_s, _CLIENTS.c.refresh_lifetime_s, _CLIENTS.c.most_groups,
        _CLIENTS.c.backchannel_logout_uri, _CLIENTS.c.frontchannel_logout_uri, _CLIENTS.c.tokens_valid_from,
    )
    .where(_CLIENTS.c.tenant_id == bindparam("of_tenant"), _CLIENTS.c.type != MOBILE)
    .order_by(_CLIENTS.c.name, _CLIENTS.c.id)
)  # fmt: skip
_SCOPES_OF_TENANT = (
    select(_SCOPES.c.client_id, _SCOPES.c.scope)
    .where(_SCOPES.c.tenant_id == bindparam("of_tenant"))
    .order_by(_SCOPES.c.client_id, _SCOPES.c.position)
)
_COUNT = select(func.count()).where(_CLIENTS.c.tenant_id == bindparam("of_tenant"), _CLIENTS.c.type != MOBILE)


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """Settings of a client's own, where other servers keep them with the client; None: the tenant's.

    URIs as in `redirect_uris`; lifetimes in seconds; `most_groups` are as many as the platform's identity tokens hold.
    The last two are where the client is told of sign-outs, by a call and through the browser; empty if nowhere.
    """

    redirect_uris: tuple[str, ...] | None = None
    logout_redirect_uris: tuple[str, ...] | None = None
    access_lifetime_s: int | None = None
    refresh_lifetime_s: int | None = None
    most_groups: int | None = None
    backchannel_logout_uri: str = ""
    frontchannel_logout_uri: str = ""

    @property
    def is_told_of_sign_outs(self) -> bool:
        """Whether the client wants to know when a sign-in ends."""
        return bool(self.backchannel_logout_uri or self.frontchannel_logout_uri)


NOTHING_OWN = OwnSettings()
"""A client for which all that the tenant has set holds."""


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client as requests see it. `secret_digest` and `sealed_secret` are empty for public clients and mobile apps;
    `app` is there for the latter alone. Access tokens issued before the second of `tokens_valid_from` are dead."""

    id: str
    name: str
    type: str
    secret_digest: str
    sealed_secret: str
    enabled: bool
    service_account: bool
    own: OwnSettings = NOTHING_OWN
    scopes: tuple[str, ...] = ()
    tokens_valid_from: int = 0
    app: AppOnDevice | None = None

    @property
    def is_public(self) -> bool:
        """Whether the client is public (RFC 6749 §2.1): it has no secret and must use PKCE."""
        return self.type == PUBLIC


def list_clients(work: Work, tenant: TenantView) -> Sequence[ClientView]:
    """The clients of a tenant, sorted by name."""
    return tuple(_clients(work, tenant).values())


def find_client(work: Work, tenant: TenantView, client_id: str) -> ClientView | None:
    """The client, or None; a mobile app only where the tenant lets them register."""
    found = _clients(work, tenant).get(client_id)
    if found is None and MOBILE_REGISTRATION.read(work, tenant) and is_text(client_id):
        return _find_mobile(work, tenant.id, client_id)
    return found


def _find_mobile(work: Work, tenant_id: str, client_id: str) -> ClientView | None:
    found = find_app(work, tenant_id, client_id)
    if found is None:
        return None
    client, app = found
    own = OwnSettings(redirect_uris=_uris(client.redirect_uris))
    return ClientView(
        client_id, client.name, MOBILE, "", "", client.enabled, False, own,
        tokens_valid_from=client.tokens_valid_from, app=app,
    )  # fmt: skip


def redirect_uris_of(work: Work, tenant: TenantView, client: ClientView) -> tuple[str, ...]:
    """The redirect URIs of a client: its own, else the tenant's."""
    own = client.own.redirect_uris
    return registered_uris(work, tenant) if own is None else own


def get_client(work: Work, tenant: TenantView, client_id: str) -> ClientView:
    """The client; raises APPLICATION_NOT_FOUND."""
    found = find_client(work, tenant, client_id)
    if found is None:
        raise _unknown()
    return found


def _clients(work: Work, tenant: TenantView) -> dict[str, ClientView]:
    # All of them at once: a look-up of ids that do not exist must not fill the cache.
    return tenant.cached("clients", lambda: _load(work, tenant.id))


def _load(work: Work, tenant_id: str) -> dict[str, ClientView]:
    scopes: dict[str, list[str]] = {}
    for row in work.rows(_SCOPES_OF_TENANT, {"of_tenant": tenant_id}):
        scopes.setdefault(row.client_id, []).append(row.scope)
    rows = work.rows(_OF_TENANT, {"of_tenant": tenant_id})
    return {row.id: _view(row, tuple(scopes.get(row.id, ()))) for row in rows}


def _view(row: Row[Any], scopes: tuple[str, ...]) -> ClientView:
    own = OwnSettings(
        _uris(row.redirect_uris), _uris(row.logout_redirect_uris), row.access_lifetime_s, row.refresh_lifetime_s,
        row.most_groups, row.backchannel_logout_uri, row.frontchannel_logout_uri,
    )  # fmt: skip
    return ClientView(
        row.id, row.name, row.type, row.secret_digest, row.sealed_secret, row.enabled, row.service_account, own, scopes,
        row.tokens_valid_from,
    )  # fmt: skip


def _uris(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(json.loads(text))


def check_secret(client: ClientView, secret: str) -> bool:
    """Whether `secret` is the client's, in constant time; of a mobile app, the signature of its client id by its key.
    Public clients have none, so nothing is."""
    if client.app is not None:
        return client.app.has_signed(client.id, secret)
    return bool(client.secret_digest) and same(digest(secret), client.secret_digest)


def show_secret(sealing: Sealing, tenant_id: str, client: ClientView) -> str:
    """The secret in the clear, for those who may read it; empty for public clients."""
    return (
        sealing.open(client.sealed_secret, secret_place(tenant_id, client.id)).decode() if client.sealed_secret else ""
    )


def secret_place(tenant_id: str, client_id: str) -> SealedField:
    """Returns the place under which the readable copy of a client's secret is sealed."""
    return SealedField(tenant_id, "clients", client_id, "sealed_secret")


def create_client(
    work: Work, sealing: Sealing, entropy: Entropy, tenant_id: str, name: str, type: str, now_ms: int, *,
    client_id: str = "", secret: str = "", own: OwnSettings = NOTHING_OWN,
) -> tuple[ClientView, str]:  # fmt: skip
    """A new, enabled client of one of TYPES, and its secret: base64 of a GUID, as App ID's are; empty when public.

    `client_id`, `secret` and `own` are those that it had on another server; without them they are new.
    Raises INVALID_NAME, INVALID_APPLICATION_TYPE, TOO_MANY_APPLICATIONS, INVALID_CLIENT_ID, CLIENT_ID_TAKEN, and what
    `check_own_settings` raises.
    """
    check_name("name", name, MAX_NAME)
    check_own_settings(own)
    if type not in TYPES:
        raise invalid("INVALID_APPLICATION_TYPE", f"type must be one of {', '.join(TYPES)}.")
    touch(work, tenant_id)  # first: it locks the tenant, so that two at once are not both the last one allowed
    row = work.row(_COUNT, {"of_tenant": tenant_id})
    if row is not None and row[0] >= MAX_CLIENTS:
        raise invalid("TOO_MANY_APPLICATIONS", f"A tenant has at most {MAX_CLIENTS} applications; delete one first.")
    is_brought = bool(client_id)
    client_id = _free_id(work, tenant_id, client_id) if is_brought else new_id(entropy)
    secret = "" if type == PUBLIC else secret or base64.b64encode(new_id(entropy).encode()).decode()
    client = Client(
        id=client_id, tenant_id=tenant_id, name=name, type=type, created_at=now_ms,
        secret_digest=digest(secret) if secret else "",
        sealed_secret=sealing.seal(secret.encode(), secret_place(tenant_id, client_id)) if secret else "",
        redirect_uris=_uris_text(own.redirect_uris), logout_redirect_uris=_uris_text(own.logout_redirect_uris),
        backchannel_logout_uri=own.backchannel_logout_uri, frontchannel_logout_uri=own.frontchannel_logout_uri,
        access_lifetime_s=own.access_lifetime_s, refresh_lifetime_s=own.refresh_lifetime_s, most_groups=own.most_groups,
        # One whose id was brought may have had a predecessor here: what that was given before now is dead.
        tokens_valid_from=now_ms if is_brought else 0,
    )  # fmt: skip
    work.add(client)
    return _load(work, tenant_id)[client_id], secret


def _uris_text(uris: tuple[str, ...] | None) -> str | None:
    return None if uris is None else json.dumps(uris)


def check_own_settings(own: OwnSettings) -> None:
    """Refuses what must never be registered. Raises INVALID_REDIRECT_URI, TOO_MANY_REDIRECT_URIS,
    EXPIRES_IN_OUT_OF_RANGE."""
    check_uri_list("redirectUris", own.redirect_uris or ())
    check_uri_list("logoutRedirectUris", own.logout_redirect_uris or ())
    for name, seconds, longest in (
        ("accessTokenLifetime", own.access_lifetime_s, LONGEST_ACCESS_S),
        ("refreshTokenLifetime", own.refresh_lifetime_s, LONGEST_REFRESH_S),
    ):
        if seconds is not None and not SHORTEST_S <= seconds <= longest:
            raise invalid("EXPIRES_IN_OUT_OF_RANGE", f"{name} must be between {SHORTEST_S} and {longest} seconds.")


def check_client_id(client_id: str) -> str:
    """A client id: 1 to 255 characters of any text, also a URL or a text with blanks, but no control characters, and
    not a dot or two, which as a part of a path mean another path (RFC 3986 §5.2.4), also when they are encoded.

    Raises INVALID_CLIENT_ID.
    """
    bad = any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in client_id)
    if bad or not client_id.strip() or client_id in (".", "..") or len(client_id) > MAX_CLIENT_ID:
        message = (
            f"A client id has 1 to {MAX_CLIENT_ID} characters, is not blank, is not . or .. and has no control "
            "characters."
        )
        raise invalid("INVALID_CLIENT_ID", message)
    return client_id


def _free_id(work: Work, tenant_id: str, client_id: str) -> str:
    if work.get(Client, (tenant_id, check_client_id(client_id))) is not None:
        raise conflict("CLIENT_ID_TAKEN", f"The tenant has an application with the client id {client_id!r} already.")
    return client_id


def rename_client(work: Work, tenant_id: str, client_id: str, name: str) -> ClientView:
    """Renames an application; raises APPLICATION_NOT_FOUND."""
    client = lock_client(work, tenant_id, client_id)
    client.name = name
    work.flush()
    return _load(work, tenant_id)[client_id]


def allow_service_account(work: Work, tenant_id: str, client_id: str, *, allowed: bool) -> ClientView:
    """Puts a confidential application on the list of service accounts, or takes it off; acts from the next request on.

    Raises APPLICATION_NOT_FOUND, PUBLIC_CLIENT.
    """
    client = lock_client(work, tenant_id, client_id)
    if allowed and client.type == PUBLIC:
        raise invalid("PUBLIC_CLIENT", "A single-page application has no secret and cannot be a service account.")
    client.service_account = allowed
    work.flush()
    return _load(work, tenant_id)[client_id]


def limit_groups(work: Work, tenant_id: str, client_id: str, most_groups: int | None) -> ClientView:
    """Sets how many groups the platform's identity tokens hold for an application; None: the usual number.

    Raises APPLICATION_NOT_FOUND.
    """
    client = lock_client(work, tenant_id, client_id)
    client.most_groups = most_groups
    work.flush()
    return _load(work, tenant_id)[client_id]


def tell_of_sign_outs(work: Work, tenant_id: str, client_id: str, back_channel: str, front_channel: str) -> ClientView:
    """Sets where an application is told of sign-outs, by a call and through the browser; empty: nowhere.

    Raises APPLICATION_NOT_FOUND, INVALID_REDIRECT_URI.
    """
    for name, uri in (("backchannelLogoutUri", back_channel), ("frontchannelLogoutUri", front_channel)):
        if uri:
            check_logout_uri(uri, name)
    client = lock_client(work, tenant_id, client_id)
    client.backchannel_logout_uri, client.frontchannel_logout_uri = back_channel, front_channel
    work.flush()
    return _load(work, tenant_id)[client_id]


def put_scopes(work: Work, tenant_id: str, client_id: str, scopes: Sequence[str]) -> Sequence[str]:
    """Replaces the scopes of an application and returns them, each once; what is dropped disappears from every role."""
    lock_client(work, tenant_id, client_id)
    wanted = list(dict.fromkeys(scopes))
    _check_scopes(wanted)
    work.run(delete(_SCOPES).where(_SCOPES.c.tenant_id == tenant_id, _SCOPES.c.client_id == client_id))
    rows = [
        {"tenant_id": tenant_id, "client_id": client_id, "position": position, "scope": scope}
        for position, scope in enumerate(wanted)
    ]
    if rows:
        work.run(insert(_SCOPES), rows)
    given = _ROLE_SCOPES.c
    dropped = (given.tenant_id == tenant_id) & (given.client_id == client_id) & given.scope.not_in(wanted)
    work.run(delete(_ROLE_SCOPES).where(dropped))
    return wanted


def delete_client(work: Work, tenant_id: str, client_id: str, now_ms: int) -> None:
    """Deletes an application and kills what was granted to it; its access tokens die with it (`Authentication`)."""
    client = lock_client(work, tenant_id, client_id)
    unused = (_CODES.c.tenant_id == tenant_id, _CODES.c.client_id == client_id, _CODES.c.used_at.is_(None))
    work.run(update(_CODES).where(*unused).values(used_at=now_ms))
    revoke_grants_of(work, tenant_id, now_ms, client_id=client_id)
    forget_preferences(work, tenant_id, Owner(client_id, CLIENT))
    work.delete(client)


def lock_client(work: Work, tenant_id: str, client_id: str) -> Client:
    """The application, held until commit, in a transaction that changes what is cached of it.

    The tenant is locked first, in the order of every change here (no deadlocks). Raises APPLICATION_NOT_FOUND.
    """
    touch(work, tenant_id)
    client = work.get(Client, (tenant_id, client_id), lock=True) if is_text(client_id) else None
    if client is None:
        raise _unknown()
    return client


def _check_scopes(scopes: Sequence[str]) -> None:
    if len(scopes) > MAX_SCOPES:
        raise invalid("TOO_MANY_SCOPES", f"An application has at most {MAX_SCOPES} scopes.")
    for position, scope in enumerate(scopes):
        if not _SCOPE.fullmatch(scope):
            message = (
                f"scopes[{position}] must have 1 to 49 lower-case letters, digits, dots or underscores and must not "
                "start with appid or openid."
            )
            raise invalid("INVALID_SCOPE", message)


def _unknown() -> Exception:
    return not_found("APPLICATION_NOT_FOUND", "This tenant has no application with this id.")
