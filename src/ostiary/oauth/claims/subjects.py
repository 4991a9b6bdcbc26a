"""Subjects of tokens: a profile, its identities, and the directory user behind it, read in one query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import FromClause, Row, Table, and_, bindparam, select

from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.profiles.anonymous import ANONYMOUS
from ostiary.directory.profiles.linking import Arrival, profile_of_identity
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.directory.users.document import user_document
from ostiary.directory.users.users import COLUMNS as USER_COLUMNS
from ostiary.directory.users.users import UserView, with_contacts
from ostiary.errors import unauthenticated
from ostiary.http.json_text import read_for_tokens
from ostiary.ids import Entropy
from ostiary.oauth.claims.standard_claims import said_claims
from ostiary.store.prepared import prepared
from ostiary.store.tables import Identity, Profile, User, as_id, table_of
from ostiary.store.tenancy import beside_tenant
from ostiary.store.work import Work

Made = TypeVar("Made")
_PROFILES, _IDENTITIES, _USERS = table_of(Profile), table_of(Identity), table_of(User)
_COLUMNS = [
    *(_PROFILES.c[name].label(f"profile_{name}") for name in (
        "id", "anonymous", "name", "email", "preferred_username", "locale", "picture", "gender", "attributes",
        "access_epoch", "tokens_valid_from",
    )),
    _IDENTITIES.c.provider, _IDENTITIES.c.idp_id, _IDENTITIES.c.user_info,
    *(column.label(f"user_{column.name}") for column in USER_COLUMNS),
]  # fmt: skip


def _with_identities(profiles: FromClause) -> FromClause:
    """Selects each identity of the profile, with the directory user if it is one."""
    of_profile = and_(_IDENTITIES.c.tenant_id == _PROFILES.c.tenant_id, _IDENTITIES.c.profile_id == _PROFILES.c.id)
    of_identity = and_(
        _IDENTITIES.c.provider == CLOUD_DIRECTORY,
        _USERS.c.tenant_id == _IDENTITIES.c.tenant_id,
        _USERS.c.id == as_id(_IDENTITIES.c.idp_id),
    )
    return profiles.outerjoin(_IDENTITIES, of_profile).outerjoin(_USERS, of_identity)


def _beside(tenants: Table) -> FromClause:
    of_tenant = and_(_PROFILES.c.tenant_id == tenants.c.id, _PROFILES.c.id == bindparam("profile_id"))
    return _with_identities(tenants.outerjoin(_PROFILES, of_tenant))


_FIND = prepared(
    select(*_COLUMNS)
    .select_from(_with_identities(_PROFILES))
    .where(_PROFILES.c.tenant_id == bindparam("of_tenant"), _PROFILES.c.id == bindparam("profile_id"))
)
_KNOWN = _IDENTITIES.alias("known")
_FIND_KNOWN = prepared(
    select(*_COLUMNS)
    .select_from(_with_identities(_PROFILES))
    .where(
        _PROFILES.c.tenant_id == bindparam("of_tenant"),
        _PROFILES.c.id
        == select(_KNOWN.c.profile_id)
        .where(
            _KNOWN.c.tenant_id == bindparam("of_tenant"),
            _KNOWN.c.provider == bindparam("at_provider"),
            _KNOWN.c.idp_id == bindparam("its_id"),
            ~_KNOWN.c.expected,
        )
        .scalar_subquery(),
    )
)
FIND_BESIDE = beside_tenant(*_COLUMNS, joined=_beside)
_EPOCHS = prepared(
    select(_PROFILES.c.access_epoch, _USERS.c.access_epoch.label("user_epoch"))
    .select_from(
        _PROFILES.outerjoin(
            _USERS, and_(_USERS.c.tenant_id == _PROFILES.c.tenant_id, _USERS.c.id == bindparam("of_user"))
        )
    )
    .where(_PROFILES.c.tenant_id == bindparam("of_tenant"), _PROFILES.c.id == bindparam("profile_id"))
)


@dataclass(frozen=True, slots=True)
class SubjectIdentity:
    """An identity of the subject; `user_info` is the provider's own data, a JSON object as text, empty for directory
    users: see `user_info`. `user` is the directory user, without contacts; None if it is gone, or no such identity."""

    provider: str
    id: str
    user_info: str
    user: UserView | None


@dataclass(frozen=True, slots=True)
class Subject:
    """A profile as tokens and userinfo show it. `attributes` is a JSON object as text."""

    id: str
    anonymous: bool
    name: str
    email: str
    preferred_username: str
    locale: str
    picture: str
    gender: str
    attributes: str
    access_epoch: int
    """Grows whenever all access of the profile or of the directory user behind it ends. What was opened under an
    earlier one is dead, also what was being opened at that very moment."""
    tokens_valid_from: int
    """Access tokens issued before the second of this moment (UTC milliseconds) are dead."""
    identities: tuple[SubjectIdentity, ...]
    user: UserView | None
    """The directory user behind it, without contacts."""
    active: bool
    """Whether the subject is active: not if its directory user is deactivated or deleted."""
    may_sign_in: bool
    """Whether the subject is active and not locked."""
    _made: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def cached(self, name: str, make: Callable[[], Made]) -> Made:
        """Returns what `make` returned under this name. It must depend on nothing but the subject and the contacts of
        its user, whose version grows with them. Treat it as immutable."""
        if name not in self._made:
            self._made[name] = make()
        made: Made = self._made[name]
        return made

    @property
    def user_id(self) -> str:
        """The directory id of the user; empty if there is none. Likewise what follows."""
        return self.user.id if self.user else ""

    @property
    def session_id(self) -> str:
        """Empty: the sign-in of a grant opens no session."""
        return ""

    @property
    def user_epoch(self) -> int:
        """The user's part in `access_epoch`."""
        return self.user.access_epoch if self.user else 0

    @property
    def said(self) -> Mapping[str, Any]:
        """The standard claims that another provider has said of the user: the tenant's own key, or a server."""
        others = (identity.user_info for identity in self.identities if identity.provider != CLOUD_DIRECTORY)
        said = next(others, "")
        return said_claims(said) if said else {}

    @property
    def given_name(self) -> str:
        """The given name: of a directory user, else as the provider says; empty if not known. The same holds for the
        properties below."""
        return (self.user.given_name if self.user else "") or self.said.get("given_name", "")

    @property
    def family_name(self) -> str:
        return (self.user.family_name if self.user else "") or self.said.get("family_name", "")

    @property
    def email_verified(self) -> bool:
        """Whether the directory user has confirmed the mail address, or the provider says so."""
        if self.user is not None:
            return self.user.email_verified
        said = self.said
        return bool(self.email) and said.get("email") == self.email and said.get("email_verified", False)

    def says(self, arrival: Arrival) -> bool:
        """Whether the profile holds all that a provider has just said."""
        said = (arrival.identity.provider, arrival.identity.id, arrival.identity.user_info)
        return all(getattr(self, name) == value for name, value in arrival.facts.items()) and any(
            (identity.provider, identity.id, identity.user_info) == said for identity in self.identities
        )

    def is_still(self, amr: str) -> bool:
        """Whether a credential issued after a sign-in by `amr` still belongs to the subject: one that was issued to an
        anonymous user is invalid once the user has an identity."""
        return self.anonymous == (amr == ANONYMOUS)


def find_subject(work: Work, tenant_id: str, profile_id: str, now_ms: int) -> Subject | None:
    """The subject, or None when the profile is gone."""
    return subject_from(work.rows(_FIND, {"of_tenant": tenant_id, "profile_id": profile_id}), now_ms)


def subject_at_sign_in(work: Work, tenant_id: str, arrival: Arrival, entropy: Entropy, now_ms: int) -> Subject:
    """Returns the user who has just signed in, with a profile that has what the provider says: one query where nothing
    changed."""
    known = {"at_provider": arrival.identity.provider, "its_id": arrival.identity.id}
    subject = subject_from(work.rows(_FIND_KNOWN, {"of_tenant": tenant_id, **known}), now_ms)
    if subject is None or not subject.says(arrival):
        profile = profile_of_identity(work, tenant_id, arrival, entropy, now_ms)
        subject = get_subject(work, tenant_id, profile.id, now_ms)
    return subject


def subject_from(rows: Sequence[Row[Any]], now_ms: int) -> Subject | None:
    """The subject from one row for each identity, or None: at least one if there is a profile."""
    if not rows or rows[0].profile_id is None:
        return None
    identities = tuple(_identity(row) for row in rows if row.provider)
    if len(identities) > 1:
        identities = tuple(sorted(identities, key=lambda identity: (identity.provider, identity.id)))
    local = next((identity for identity in identities if identity.provider == CLOUD_DIRECTORY), None)
    user, first = local.user if local else None, rows[0]
    active = local is None or (user is not None and user.active)
    return Subject(
        id=first.profile_id, anonymous=first.profile_anonymous, name=first.profile_name,
        email=first.profile_email, preferred_username=first.profile_preferred_username, locale=first.profile_locale,
        picture=first.profile_picture, gender=first.profile_gender, attributes=first.profile_attributes,
        access_epoch=first.profile_access_epoch + (user.access_epoch if user else 0),
        tokens_valid_from=first.profile_tokens_valid_from, identities=identities, user=user, active=active,
        may_sign_in=active and not (user and is_locked(user, now_ms)),
    )  # fmt: skip


def _identity(row: Row[Any]) -> SubjectIdentity:
    user = UserView(*row[-len(USER_COLUMNS) :]) if row.user_id else None
    return SubjectIdentity(row.provider, row.idp_id, row.user_info, user)


def same_access(work: Work, tenant_id: str, subject: Subject) -> bool:
    """Whether nothing has ended the access of the subject since it was read."""
    row = work.row(_EPOCHS, {"of_tenant": tenant_id, "profile_id": subject.id, "of_user": subject.user_id})
    if row is None or (subject.user_id and row.user_epoch is None):  # a user who is gone has no epoch to compare
        return False
    return bool(row.access_epoch + (row.user_epoch or 0) == subject.access_epoch)


def get_subject(work: Work, tenant_id: str, profile_id: str, now_ms: int) -> Subject:
    """The subject of a token; raises 401 when the profile is gone."""
    known: Subject | None = work.memo.get(("subject", tenant_id, profile_id))
    subject = known or find_subject(work, tenant_id, profile_id, now_ms)
    if subject is None:
        raise unauthenticated("INVALID_TOKEN", "The token is not valid, has expired or was revoked.")
    return subject


def user_info(work: Work, identity: SubjectIdentity) -> dict[str, Any]:
    """Returns what the provider says of an identity; for directory users what the directory says now."""
    return said_of(identity, with_contacts(work, identity.user) if identity.user else None)


def said_of(identity: SubjectIdentity, user: UserView | None) -> dict[str, Any]:
    """The same; `user` is the directory user with contacts, if the identity is one."""
    said = user_document(user) if user else read_for_tokens(identity.user_info)
    return {**said, "idpType": identity.provider}
