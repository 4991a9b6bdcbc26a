"""Copy of what users see of a tenant: the logo, and the texts of messages."""

from __future__ import annotations

from urllib.parse import urljoin

import httpx

from ostiary.migrating.copying import Copying
from ostiary.migrating.management import ApiError, Json, ManagementApi
from ostiary.migrating.report import CHANGED, CREATED, UNCHANGED

LOGO, TEMPLATES = "logo", "templates"
NAMES = ("USER_VERIFICATION", "WELCOME", "PASSWORD_CHANGED", "RESET_PASSWORD", "MFA_VERIFICATION")
MEDIA = "config/ui/media"


def copy_logo(copying: Copying) -> None:
    """The picture itself: it is fetched, and uploaded where the target shows another one."""
    copying.progress(LOGO, 0, 1)
    shown = (copying.source.get(MEDIA) or {}).get("image")
    if shown:
        try:
            picture = copying.source.picture(urljoin(copying.source.origin, str(shown)))
        except (ApiError, httpx.HTTPError) as error:
            copying.report.failed(LOGO, "logo", f"the source does not give it: {error}")
        else:
            _upload(copying, picture)
    copying.progress(LOGO, 1, 1)


def _upload(copying: Copying, picture: bytes) -> None:
    before = copying.present(MEDIA)

    def upload(target: ManagementApi) -> None:
        target.upload(MEDIA, picture, mediaType="logo")

    outcome = CHANGED if before else CREATED
    if before and _same(copying, before, picture):
        copying.report.count(LOGO, UNCHANGED)
    else:
        copying.write(LOGO, "logo", upload, outcome)


def _same(copying: Copying, before: Json, picture: bytes) -> bool:
    if copying.target is None:
        return False
    try:
        return copying.target.picture(urljoin(copying.target.origin, str(before.get("image")))) == picture
    except (ApiError, httpx.HTTPError):
        return False


def copy_templates(copying: Copying) -> None:
    """Copies every text in every language of the source, except where it shows the English one because it has none."""
    languages = (copying.source.get("config/ui/languages") or {}).get("languages") or ["en"]
    wanted = [(name, language) for name in NAMES for language in dict.fromkeys(["en", *languages])]
    english: dict[str, Json | None] = {}
    for number, (name, language) in enumerate(wanted):
        copying.progress(TEMPLATES, number, len(wanted))
        path = f"config/cloud_directory/templates/{name}/{language}"
        text = _text(copying.source.get(path) or {})
        if language == "en":
            english[name] = text
        if text is not None and (language == "en" or text != english[name]):
            copying.put(TEMPLATES, f"{name}/{language}", path, text)
    copying.progress(TEMPLATES, len(wanted), len(wanted))


def _text(template: Json) -> Json | None:
    """The HTML in base64 where there is both: it is what the source has sent as it was stored."""
    names = ["subject", "base64_encoded_html_body", "plain_text_body"]
    if not template.get("base64_encoded_html_body"):
        names[1] = "html_body"
    return {name: template[name] for name in names if template.get(name)} or None
