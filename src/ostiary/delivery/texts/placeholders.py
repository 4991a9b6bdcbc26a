"""Values of the placeholders in messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ostiary.delivery.texts.templates import MFA_VERIFICATION, RESET_PASSWORD, USER_VERIFICATION
from ostiary.settings.logo import logo_url
from ostiary.settings.theme import THEME_COLOR
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

LINK_PATH = "/wfm/verify"
_LINKS = {USER_VERIFICATION: "verify", RESET_PASSWORD: "resetPassword"}


@dataclass(frozen=True, slots=True)
class Branding:
    """The appearance of a tenant's messages: a colour as CSS writes it, and the address of the logo, empty without
    one."""

    header_color: str
    logo_url: str = ""


def branding_of(work: Work, tenant: TenantView, public_url: str) -> Branding:
    """The look of a tenant's pages, which is that of its messages too."""
    return Branding(THEME_COLOR.read(work, tenant), logo_url(work, public_url, tenant.id))


def placeholders(
    template: str, payload: Mapping[str, Any], branding: Branding, code: str, code_seconds: int, link: str
) -> dict[str, str]:
    """Values by name. `payload` holds what was known when the message was caused: user, passwordChangeInfo,
    transfer.

    `code` is the one-time code that it carries, good for `code_seconds`, and `link` where the code can be used.
    """
    values = {
        f"{group}.{name}": str(value)
        for group in ("user", "passwordChangeInfo", "transfer", "accountChange")
        for name, value in payload.get(group, {}).items()
    }
    values |= {"display.headerColor": branding.header_color, "display.logo": branding.logo_url}
    if template == MFA_VERIFICATION:
        values["mfa.code"] = code
    elif template in _LINKS:
        values[f"{_LINKS[template]}.code"] = code
        values[f"{_LINKS[template]}.link"] = link
        values["linkExpiration.hours"] = f"{code_seconds / 3600:.4g}"
        values["linkExpiration.minutes"] = f"{code_seconds / 60:.6g}"
    return values


def code_link(public_url: str, code: str, language: str) -> str:
    """The address at which a one-time code can be used."""
    return f"{public_url}{LINK_PATH}/{quote(code, safe='')}?language={quote(language, safe='')}"
