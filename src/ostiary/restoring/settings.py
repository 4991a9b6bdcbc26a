"""Settings of a restored tenant: an access that was removed since the backup is not given again by the restoration.

It is not known which of two documents an intruder has changed, so only what both contain is trusted: an address, a
provider or a page that is in one of them only is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import select

from ostiary.delivery.action_urls import ACTION_URLS
from ostiary.delivery.channels.email_dispatcher import EMAIL_DISPATCHER
from ostiary.directory.tenants.tenants import LIVING
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.mfa.settings import MFA, MFA_EXTENSIONS
from ostiary.oauth.clients.redirect_uris import REDIRECT_URIS
from ostiary.settings.setting import Setting
from ostiary.store.tables import Tenant, table_of
from ostiary.store.work import Work
from ostiary.upstream.custom import CUSTOM
from ostiary.upstream.saml.settings import SAML
from ostiary.upstream.social import SOCIAL

Agree = Callable[[Any, Any, Any], None]
"""Changes our document, given theirs and the default of its kind."""
_TENANTS = table_of(Tenant)


def carry_over_settings(restored: Work, replaced: Work, now_ms: int) -> int:
    """Narrows the settings of each tenant to what the replaced store agrees with; how many documents changed."""
    living = [row.id for row in restored.rows(select(_TENANTS.c.id).where(_TENANTS.c.state.in_(LIVING)))]
    return sum(
        _carry_over(setting, agree, restored, replaced, tenant_id, now_ms)
        for tenant_id in living
        for setting, agree in _guards()
    )


def _guards() -> Iterator[tuple[Setting[Any, Any], Agree]]:
    yield REDIRECT_URIS, _redirect_uris
    switched: tuple[Setting[Any, Any], ...] = (CUSTOM, SAML, *SOCIAL.values(), *MFA_EXTENSIONS.values())
    for setting in switched:
        yield setting, _switched_off_unless_alike
    yield CLOUD_DIRECTORY, _cloud_directory
    yield MFA, _mfa
    yield EMAIL_DISPATCHER, _default_unless_alike
    yield ACTION_URLS, _default_unless_alike


def _carry_over(
    setting: Setting[Any, Any], agree: Agree, restored: Work, replaced: Work, tenant_id: str, now_ms: int
) -> int:
    before, theirs = setting.load_document(restored, tenant_id), setting.load_document(replaced, tenant_id)
    if before == theirs:
        return 0
    ours = setting.load_document(restored, tenant_id)
    agree(ours, theirs, setting.default_document())
    if ours == before:
        return 0
    setting.store(restored, tenant_id, ours, now_ms)
    return 1


def _redirect_uris(ours: Any, theirs: Any, _default: Message) -> None:
    theirs_too = list(theirs.redirect_uris)
    kept = [uri for uri in ours.redirect_uris if uri in theirs_too]
    ours.redirect_uris.Clear()
    ours.redirect_uris.extend(kept)


def _switched_off_unless_alike(ours: Any, _theirs: Message, _default: Message) -> None:
    """A key, a certificate or an address was changed since: what the backup has may be what had to go."""
    ours.is_active = False


def _default_unless_alike(ours: Message, _theirs: Message, default: Message) -> None:
    """Resets the addresses to which codes and mail links are sent: the operator's own server and pages are always
    safe."""
    ours.CopyFrom(default)


def _cloud_directory(ours: Any, theirs: Any, _default: Message) -> None:
    ours.is_active = ours.is_active and theirs.is_active
    for name in ("self_service_enabled", "signup_enabled"):
        setattr(ours.config, name, getattr(ours.config, name) and getattr(theirs.config, name))


def _mfa(ours: Any, theirs: Any, _default: Message) -> None:
    ours.is_active = ours.is_active or theirs.is_active
