"""Message texts: a tenant's own, by name and language, and the built-in ones."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import bindparam, delete, select

from ostiary.errors import invalid, not_found
from ostiary.settings.languages import DEFAULT_LANGUAGE, enabled_languages
from ostiary.store.tables import MessageTemplate, table_of
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

USER_VERIFICATION, RESET_PASSWORD, WELCOME = "USER_VERIFICATION", "RESET_PASSWORD", "WELCOME"
PASSWORD_CHANGED, MFA_VERIFICATION = "PASSWORD_CHANGED", "MFA_VERIFICATION"
TRANSFER_ENDED, ACCOUNT_CHANGED = "TRANSFER_ENDED", "ACCOUNT_CHANGED"
"""Ours alone: to an administrator who asked to be told, and to a person whose account was changed; tenants do not write
them."""
NAMES = (USER_VERIFICATION, RESET_PASSWORD, WELCOME, PASSWORD_CHANGED, MFA_VERIFICATION)
"""The names of the texts that tenants can write."""
MAX_SUBJECT = 1_000
MAX_BODY = 200_000
"""Characters."""

_TEMPLATES = table_of(MessageTemplate)
_FIND = select(
    _TEMPLATES.c.language, _TEMPLATES.c.subject, _TEMPLATES.c.html_body, _TEMPLATES.c.plain_text_body
).where(
    _TEMPLATES.c.tenant_id == bindparam("of_tenant"), _TEMPLATES.c.name == bindparam("name"),
    _TEMPLATES.c.language.in_(bindparam("languages", expanding=True)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """The text of a message with its placeholders; an empty body is none."""

    subject: str
    html: str = ""
    text: str = ""


def template_in_use(work: Work, tenant_id: str, name: str, language: str) -> Template:
    """The tenant's own text, else its own in English, else the built-in one."""
    asked = {"of_tenant": tenant_id, "name": name, "languages": [language, DEFAULT_LANGUAGE]}
    own = {row.language: Template(row.subject, row.html_body, row.plain_text_body) for row in work.rows(_FIND, asked)}
    found = own.get(language) or own.get(DEFAULT_LANGUAGE)
    if found is None:
        return built_in(name)
    if found.html or found.text:
        return found
    return Template(found.subject, built_in(name).html, built_in(name).text)


def get_template(work: Work, tenant: TenantView, name: str, language: str) -> Template:
    """The text in use. Raises UNKNOWN_TEMPLATE, LANGUAGE_NOT_ENABLED."""
    check_place(work, tenant, name, language)
    return template_in_use(work, tenant.id, name, language)


def put_template(
    work: Work, tenant: TenantView, name: str, language: str, given: Template, now_ms: int
) -> tuple[Template, bool]:
    """Stores a text; it as it is in use now, and whether it is the first of this name and language.

    Raises UNKNOWN_TEMPLATE, LANGUAGE_NOT_ENABLED and what `check_template` raises.
    """
    check_place(work, tenant, name, language)
    template = check_template(given)
    texts = {"subject": template.subject, "html_body": template.html, "plain_text_body": template.text}
    row = {"tenant_id": tenant.id, "name": name, "language": language, **texts, "modified_at": now_ms}
    created = work.insert_new(_TEMPLATES, row)
    if not created:
        key = ["tenant_id", "name", "language"]
        work.run(work.insert(_TEMPLATES).values(row).on_conflict_do_update(index_elements=key, set_=row))
    return template_in_use(work, tenant.id, name, language), created


def delete_template(work: Work, tenant: TenantView, name: str, language: str) -> None:
    """Drops a tenant's own text. Raises UNKNOWN_TEMPLATE, LANGUAGE_NOT_ENABLED, TEMPLATE_NOT_FOUND."""
    check_place(work, tenant, name, language)
    c = _TEMPLATES.c
    own = (c.tenant_id == tenant.id) & (c.name == name) & (c.language == language)
    if not work.run(delete(_TEMPLATES).where(own)):
        raise not_found("TEMPLATE_NOT_FOUND", "There is no text of your own for this message and language.")


def check_place(work: Work, tenant: TenantView, name: str, language: str) -> None:
    """Raises LANGUAGE_NOT_ENABLED."""
    if language not in enabled_languages(work, tenant):
        message = "The language must be one of those enabled for this tenant (config/ui/languages)."
        raise invalid("LANGUAGE_NOT_ENABLED", message)


def check_template(given: Template) -> Template:
    """Returns the text with a subject without blanks around it. Raises SUBJECT_MISSING, SUBJECT_TOO_LONG,
    BODY_TOO_LONG, INVALID_TEXT."""
    template = replace(given, subject=given.subject.strip())
    if not template.subject:
        raise invalid("SUBJECT_MISSING", "subject is required.")
    if len(template.subject) > MAX_SUBJECT:
        raise invalid("SUBJECT_TOO_LONG", f"subject has at most {MAX_SUBJECT} characters.")
    if max(len(template.html), len(template.text)) > MAX_BODY:
        raise invalid("BODY_TOO_LONG", f"A body has at most {MAX_BODY} characters.")
    if "\0" in template.subject + template.html + template.text:
        raise invalid("INVALID_TEXT", "A text must not hold NUL characters.")
    return template


@cache
def built_in(name: str) -> Template:
    """The built-in text, in English."""
    source = resources.files("ostiary.delivery.texts") / "built_in" / "messages.toml"
    words = tomllib.loads(source.read_text(encoding="utf-8"))[name]
    layouts = Environment(
        loader=PackageLoader("ostiary.delivery.texts", "built_in"), undefined=StrictUndefined, auto_reload=False,
        autoescape=False, trim_blocks=True,  # noqa: S701 - words of ours; what fills placeholders is escaped then
    )  # fmt: skip
    html, text = (layouts.get_template(f"layout.{kind}").render(**words) for kind in ("html", "txt"))
    return Template(words["subject"], html, text)
