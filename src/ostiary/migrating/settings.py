"""Copy of a tenant's settings: documents that are read and written at the same path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ostiary.migrating.copying import Copying, is_masked, without_nulls
from ostiary.migrating.management import Json
from ostiary.migrating.report import Report

PART = "settings"
CD = "config/cloud_directory"
EXTENSIONS = ("premfa", "postmfa")
VENDOR_SENDERS = ("@appid.cloud.net", "@appid.bluemix.net")
"""Addresses of the vendor's own mail server, for which nobody else may send."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the operator about one setting."""

    report: Report
    name: str

    def left(self, why: str) -> None:
        """Notes that a setting was not copied, or not completely."""
        self.report.left(PART, self.name, why)

    def advise(self, what: str) -> None:
        """Notes that a setting was copied, and that something remains to be done."""
        self.report.note(PART, self.name, what)


Prepare = Callable[[Json, Teller], Json | None]


@dataclass(frozen=True, slots=True)
class Document:
    """A setting. `prepare` makes what the target gets from what the source says, or None, and tells the reason."""

    name: str
    path: str
    prepare: Prepare = lambda document, tell: document


def _sender(document: Json, tell: Teller) -> Json | None:
    address = str(document.get("senderDetails", {}).get("from", {}).get("email", ""))
    if address.endswith(VENDOR_SENDERS):
        tell.left(f"{address} is the vendor's own address: set a sender of yours")
        return None
    return document


def _redirect_uris(document: Json, tell: Teller) -> Json:
    return {"redirectUris": document.get("redirectUris") or []}  # what else it says is about the vendor's own callbacks


def _password_rule(document: Json, tell: Teller) -> Json | None:
    return {name: document[name] for name in ("regex", "error_message") if document.get(name)} or None


def _dispatcher(document: Json, tell: Teller) -> Json | None:
    custom, provider = document.get("custom"), document.get("provider", "appid")
    if "sendgrid" in document and is_masked(document["sendgrid"].get("apiKey")):
        tell.left("the source hides the API key of SendGrid: set it again")
        del document["sendgrid"]
    if custom is not None:
        authorization = custom.get("authorization", {})
        secret = {"value": "value", "basic": "password"}.get(authorization.get("type", ""), "")
        if secret and is_masked(authorization.get(secret)):
            tell.left("the source hides the authorization of the custom dispatcher: set it again")
            del document["custom"]
    if provider != "appid" and provider not in document:
        document["provider"] = "appid"
    return document


def _rate_limits(document: Json, tell: Teller) -> Json:
    return {name: document.get(name) or 0 for name in ("signUpLimitPerMinute", "signInLimitPerMinute")}


def _social(document: Json, tell: Teller) -> Json:
    config = document.get("config") or {}
    if not document.get("isActive") and not config:
        return {"isActive": False}
    if not config.get("idpId"):
        tell.left("it used the vendor's demonstration credentials: register an application of yours there")
        return {"isActive": False}
    if is_masked(config.get("secret")):
        tell.left("the source hides its secret: set it again and switch it on")
        return {"isActive": False}
    tell.advise("register the new redirect URL there: `redirectURL` in the answer of GET")
    return {"isActive": document.get("isActive", False), "config": {name: config[name] for name in ("idpId", "secret")}}


def _custom(document: Json, tell: Teller) -> Json:
    used = document.get("isActive") or any((document.get("config") or {}).values())
    return document if used else {"isActive": False}


def _saml(document: Json, tell: Teller) -> Json:
    document.pop("validation_data", None)
    document = _custom(document, tell)
    if "config" in document:
        tell.advise("private keys stay where they are: give the identity provider the metadata of this tenant")
    return document


SETTINGS = (
    Document("languages", "config/ui/languages"),
    Document("token lifetimes and claims", "config/tokens"),
    Document("redirect URIs", "config/redirect_uris", _redirect_uris),
    Document("custom attributes", "config/users_profile"),
    Document("texts of the sign-in page", "config/ui/theme_text"),
    Document("colours", "config/ui/theme_color"),
    Document("sender of mails", f"{CD}/sender_details", _sender),
    Document("mail dispatcher", f"{CD}/email_dispatcher", _dispatcher),
    Document("password rule", f"{CD}/password_regex", _password_rule),
    Document("password policy", f"{CD}/advanced_password_management"),
    Document("runtime audit", "config/capture_runtime_activity"),
    Document("single sign-on", f"{CD}/sso"),
    Document("rate limits", f"{CD}/rate_limit", _rate_limits),
    Document("Cloud Directory", "config/idps/cloud_directory"),
    Document("Facebook", "config/idps/facebook", _social),
    Document("Google", "config/idps/google", _social),
    Document("custom identity", "config/idps/custom", _custom),
    Document("SAML", "config/idps/saml", _saml),
)


def copy_settings(copying: Copying) -> None:
    """Copies every document of SETTINGS, the second factor, its extensions, and the tenant's own pages."""
    total = len(SETTINGS) + 1
    for number, document in enumerate(SETTINGS):
        copying.progress(PART, number, total)
        _copy(copying, document)
    copying.progress(PART, len(SETTINGS), total)
    _copy_second_factor(copying)
    _copy_pages(copying)
    copying.progress(PART, total, total)


def _copy(copying: Copying, document: Document) -> None:
    found = copying.source.get(document.path)
    if not found:
        return
    wanted = document.prepare(without_nulls(found), Teller(copying.report, document.name))
    if wanted:
        copying.put(PART, document.name, document.path, wanted)


def _copy_second_factor(copying: Copying) -> None:
    """Copies the channel before the switch: the second factor cannot be enabled without a channel."""
    path = f"{CD}/mfa/channels/nexmo"
    channel = without_nulls(copying.source.get(path) or {})
    config: Mapping[str, object] = channel.get("config") or {}
    if config and is_masked(config.get("secret")):
        copying.report.left(PART, "text messages", "the source hides the account at Vonage: set it again")
    elif config:
        copying.put(PART, "text messages", path, {"isActive": bool(channel.get("isActive")), "config": config})
    for name in EXTENSIONS:
        extension = without_nulls(copying.source.get(f"{CD}/mfa/extensions/{name}") or {})
        if extension.get("config", {}).get("url"):
            _copy_extension(copying, name, extension)
    _copy(copying, Document("second factor", f"{CD}/mfa"))


def _copy_extension(copying: Copying, name: str, extension: Json) -> None:
    config = extension["config"]
    headers = config.get("headers") or {}
    hidden = [header for header, value in headers.items() if is_masked(value)]
    if hidden:
        why = f"the source hides its headers {', '.join(hidden)}: set them again, then switch it on"
        copying.report.left(PART, f"extension {name}", why)
        config["headers"] = {header: value for header, value in headers.items() if header not in hidden}
    wanted = {"isActive": bool(extension.get("isActive")) and not hidden, "config": config}
    copying.put(PART, f"extension {name}", f"{CD}/mfa/extensions/{name}", wanted)


def _copy_pages(copying: Copying) -> None:
    for action in ("on_user_verified", "on_reset_password"):
        path = f"{CD}/action_url/{action}"
        url = (copying.source.get(path) or {}).get("actionUrl")
        if url:
            copying.put(PART, f"page {action}", path, {"actionUrl": url})
