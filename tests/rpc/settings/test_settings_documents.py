"""The configuration documents of a tenant, as documented JSON: defaults, what is stored, every documented limit."""

from __future__ import annotations

import base64
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from kit.audited import changes
from kit.callers import Caller, refusal

Json = dict[str, Any]
MANAGEMENT = "identity.appid.management.v4"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
ABSENT: Any = object()

DIRECTORY: Json = {
    "isActive": True,
    "config": {
        "selfServiceEnabled": True,
        "signupEnabled": True,
        "interactions": {
            "identityConfirmation": {"accessMode": "FULL", "methods": ["email"]},
            "welcomeEnabled": True,
            "resetPasswordEnabled": True,
            "resetPasswordNotificationEnable": True,
        },
        "identityField": "email",
    },
}
RULE: Json = {
    "regex": "^.{8,}$",
    "base64_encoded_regex": "Xi57OCx9JA==",
    "error_message": "The password doesn't meet the strength requirements.",
}
A_TO_Z = {"regex": ".*[a-z].*", "base64_encoded_regex": "LipbYS16XS4q", "error_message": "One of a to z, please"}


def changed(document: Json, path: str, value: Any) -> Json:
    """The document with another value at a dotted path; ABSENT removes it."""
    made = deepcopy(document)
    *folders, name = path.split(".")
    place = made
    for folder in folders:
        place = place[folder]
    if value is ABSENT:
        del place[name]
    else:
        place[name] = value
    return made


@dataclass
class Document:
    """A kind of document: its RPCs, its default, what may be put and is then read, what is refused."""

    service: str
    get: str
    put: str
    audit: str
    default: Json
    accepted: list[tuple[Json, Json]]
    refused: list[tuple[Json, str]]
    body: str = "config"
    answers_empty: bool = True


INTERACTIONS = "config.interactions"
CONFIRMATION = f"{INTERACTIONS}.identityConfirmation"
OFF = changed(DIRECTORY, f"{CONFIRMATION}.accessMode", "OFF")
BY_NAME = changed(DIRECTORY, "config.identityField", "userName")
SWITCH_FAULTS = [({}, "IS_ACTIVE_MISSING")]
ON_OFF = [({"isActive": value}, {"isActive": value}) for value in (True, False, True)]

TOKENS: Json = {
    "idTokenClaims": [],
    "accessTokenClaims": [],
    "access": {"expires_in": 3600},
    "refresh": {"expires_in": 2592000, "enabled": False},
    "anonymousAccess": {"expires_in": 2592000, "enabled": False},
}
MAPPED: Json = {
    "idTokenClaims": [{"source": "attributes", "sourceClaim": "theme"}, {"source": "roles"}],
    "accessTokenClaims": [{"source": "saml", "sourceClaim": "user_type", "destinationClaim": "type"}] * 100,
    "access": {"expires_in": 300},
    "refresh": {"expires_in": 86400, "enabled": True},
    "anonymousAccess": {"expires_in": 7776000, "enabled": True},
}


def lifetimes_outside_their_limits() -> list[tuple[Json, str]]:
    limits = {"access": (300, 86_400), "refresh": (86_400, 7_776_000), "anonymousAccess": (86_400, 7_776_000)}
    wrong = [(name, seconds) for name, (low, high) in limits.items() for seconds in (low - 1, high + 1, 0, -1)]
    return [(changed(TOKENS, f"{name}.expires_in", seconds), "EXPIRES_IN_OUT_OF_RANGE") for name, seconds in wrong]


def without_switches() -> list[tuple[Json, Json]]:
    """As the vendor's tutorial writes it: a switch that its object leaves out stays as it is."""
    printed: Json = {
        "access": {"expires_in": 3601}, "refresh": {"enabled": False, "expires_in": 2592001},
        "anonymousAccess": {"expires_in": 2592001},
    }  # fmt: skip
    shorter = {"refresh": {"expires_in": 86400}, "anonymousAccess": {}}
    on = {"refresh": {"enabled": True}, "anonymousAccess": {"enabled": True}}

    def stored(document: Json, *, on: bool) -> Json:
        parts = {name: {**TOKENS[name], **document.get(name, {})} for name in ("access", "refresh", "anonymousAccess")}
        return {**TOKENS, **parts, "anonymousAccess": {**parts["anonymousAccess"], "enabled": on}}

    return [
        (printed, stored(printed, on=False)),
        (shorter, stored(shorter, on=False)),
        (on, stored(on, on=True)),
        (printed, stored(printed, on=True)),
        ({"refresh": {"enabled": True}}, stored({"refresh": {"enabled": True}}, on=False)),
        (shorter, {**stored(shorter, on=False), "refresh": {"expires_in": 86400, "enabled": True}}),
    ]  # fmt: skip


APM = "advancedPasswordManagement"
POLICIES: Json = {
    APM: {
        "enabled": False,
        "passwordReuse": {"enabled": False, "config": {"maxPasswordReuse": 8}},
        "preventPasswordWithUsername": {"enabled": False},
        "passwordExpiration": {"enabled": False, "config": {"daysToExpire": 30}},
        "lockOutPolicy": {"enabled": False, "config": {"lockOutTimeSec": 1800, "numOfAttempts": 3}},
        "minPasswordChangeInterval": {"enabled": False, "config": {"minHoursToChangePassword": 0}},
    }
}
POLICY_NUMBERS = [
    ("passwordReuse.config.maxPasswordReuse", 1, 8, "MAX_PASSWORD_REUSE_OUT_OF_RANGE"),
    ("passwordExpiration.config.daysToExpire", 1, 90, "DAYS_TO_EXPIRE_OUT_OF_RANGE"),
    ("lockOutPolicy.config.lockOutTimeSec", 60, 86_400, "LOCK_OUT_TIME_OUT_OF_RANGE"),
    ("lockOutPolicy.config.numOfAttempts", 1, 10, "NUM_OF_ATTEMPTS_OUT_OF_RANGE"),
    ("minPasswordChangeInterval.config.minHoursToChangePassword", 0, 720, "MIN_HOURS_OUT_OF_RANGE"),
]

SSO: Json = {"isActive": False, "inactivityTimeoutSeconds": 86_400, "logoutRedirectUris": []}
SSO_ON: Json = {"isActive": True, "inactivityTimeoutSeconds": 1, "logoutRedirectUris": ["http://localhost:3000/out"]}
TEXTS: Json = {"tabTitle": "Login", "footnote": "Powered by App ID"}

SENDER: Json = {
    "senderDetails": {"from": {"name": "no-reply", "email": "no-reply@localhost"}, "linkExpirationSec": 86400}
}  # fmt: skip
SENDERS: Json = {
    "senderDetails": {
        "from": {"name": "Acme", "email": "hello@example.com"},
        "reply_to": {"name": "Help", "email": "help@example.com"},
        "linkExpirationSec": 900,
        "cc": {"email": "cc@example.com"},
        "bcc": {"email": "bcc@example.com"},
    }
}

DOCUMENTS = {
    "sso": Document(
        "SsoService", "GetSsoConfig", "PutSsoConfig", "appid.sso.update", SSO,
        [
            (SSO_ON, SSO_ON), (changed(SSO_ON, "inactivityTimeoutSeconds", 604_800),) * 2,
        ],
        [
            (changed(SSO_ON, "isActive", ABSENT), "IS_ACTIVE_MISSING"),
            *((changed(SSO_ON, name, ABSENT), "FIELD_MISSING")
              for name in ("inactivityTimeoutSeconds", "logoutRedirectUris")),
            (changed(SSO_ON, "logoutRedirectUris", ["https://a.example/", 7]), "INVALID_LIST"),
            *((changed(SSO_ON, "inactivityTimeoutSeconds", number), "INVALID_TIMEOUT") for number in (-1, 0, 604_801)),
            *((changed(SSO_ON, "logoutRedirectUris", [uri]), "INVALID_REDIRECT_URI")
              for uri in ("javascript:alert(1)", "data:text/html,x", "/out", "https://a.example/#x", "vbscript:x")),
            (changed(SSO_ON, "logoutRedirectUris", ["https://a.example/"] * 201), "TOO_MANY_REDIRECT_URIS"),
        ],
        answers_empty=False,
    ),
    "languages": Document(
        "LanguagesService", "GetLanguages", "PutLanguages", "appid.ui-languages.update", {"languages": ["en"]},
        [
            ({"languages": ["en", "en-US", "fr-FR", "zh-Hans-CN", "bs-Latn-BA"]},) * 2,
            ({"languages": ["de"]},) * 2, ({}, {"languages": ["en"]}), ({"languages": []}, {"languages": ["en"]}),
        ],
        [({"languages": ["en", tag]}, "INVALID_LANGUAGE")
         for tag in ("en", "EN", "xx", "", "de_DE", "en-XX", "e" * 99)],
    ),
    "theme_text": Document(
        "WidgetService", "GetThemeText", "PutThemeText", "appid.theme-text.update", TEXTS,
        [
            ({"tabTitle": "<b>Hallo</b> & Grüezi", "footnote": ""},) * 2,
            ({"tabTitle": "t" * 200, "footnote": "f" * 500},) * 2,
            ({"footnote": "x"}, changed(TEXTS, "footnote", "x")), ({}, TEXTS),
        ],
        [({"tabTitle": "t" * 201}, "INVALID_TEXT"), ({"footnote": "f" * 501}, "INVALID_TEXT"),
         ({"tabTitle": "a\r\nb"}, "INVALID_TEXT"), ({"footnote": "a\0b"}, "INVALID_TEXT")],
        body="theme",
    ),
    "theme_color": Document(
        "WidgetService", "GetThemeColor", "PutThemeColor", "appid.theme-color.update", {"headerColor": "#EEF2F5"},
        [({"headerColor": "#000000"},) * 2, ({"headerColor": "#aBcDeF"},) * 2, ({}, {"headerColor": "#EEF2F5"})],
        [({"headerColor": color}, "INVALID_COLOR")
         for color in ("", "red", "#FFF", "#GGGGGG", "#EEF2F5;", "EEF2F5", "#EEF2F5\n", "#EEF2F5FF")],
        body="theme",
    ),
    "mfa": Document(
        "MfaService", "GetMfaConfig", "PutMfaConfig", "appid.mfa.update", {"isActive": False}, ON_OFF, SWITCH_FAULTS,
        answers_empty=False,
    ),
    "sender_details": Document(
        "SenderDetailsService", "GetSenderDetails", "PutSenderDetails", "appid.sender-details.update", SENDER,
        [
            (SENDERS, SENDERS),
            (changed(SENDERS, "senderDetails.linkExpirationSec", ABSENT),
             changed(SENDERS, "senderDetails.linkExpirationSec", 86_400)),
            (changed(SENDERS, "senderDetails.linkExpirationSec", 2_592_000),) * 2,
            (changed(SENDERS, "senderDetails.reply_to", {"name": "nobody", "email": ""}),) * 2,
        ],
        [
            ({}, "SENDER_MISSING"),
            (changed(SENDERS, "senderDetails.from", {"name": "x"}), "SENDER_MISSING"),
            *((changed(SENDERS, f"senderDetails.{part}.email", "jane"), "INVALID_EMAIL")
              for part in ("from", "reply_to", "cc", "bcc")),
            (changed(SENDERS, "senderDetails.from.name", "x\r\nBcc: y"), "INVALID_NAME"),
            (changed(SENDERS, "senderDetails.from.name", "x" * 257), "INVALID_NAME"),
            *((changed(SENDERS, f"senderDetails.{part}", {"name": "a\nb"}), "INVALID_NAME")
              for part in ("reply_to", "cc", "bcc")),
            *((changed(SENDERS, "senderDetails.linkExpirationSec", seconds), "LINK_EXPIRATION_OUT_OF_RANGE")
              for seconds in (899, 2_592_001, 0, -1)),
        ],
    ),
    "advanced_password_management": Document(
        "AdvancedPasswordManagementService", "GetAdvancedPasswordManagement", "PutAdvancedPasswordManagement",
        "appid.advanced-password-management.update", POLICIES,
        [
            *((changed(POLICIES, f"{APM}.{path}", number),) * 2
              for path, low, high, _ in POLICY_NUMBERS for number in (low, high)),
            *((changed(POLICIES, f"{APM}.{name}.enabled", True),) * 2 for name in list(POLICIES[APM])[1:]),
            *((changed(POLICIES, f"{APM}.{name}.config", ABSENT), POLICIES)
              for name in POLICIES[APM] if name not in ("enabled", "preventPasswordWithUsername")),
            (changed(POLICIES, f"{APM}.minPasswordChangeInterval", ABSENT), POLICIES),
            (changed(POLICIES, f"{APM}.enabled", True),) * 2,
        ],
        [
            ({}, "FIELD_MISSING"),
            *((changed(POLICIES, f"{APM}.{name}", ABSENT), "FIELD_MISSING") for name in list(POLICIES[APM])[:-1]),
            *((changed(POLICIES, f"{APM}.{name}.enabled", ABSENT), "FIELD_MISSING")
              for name in list(POLICIES[APM])[1:]),
            *((changed(POLICIES, f"{APM}.{path}", ABSENT), "FIELD_MISSING") for path, *_ in POLICY_NUMBERS),
            *((changed(POLICIES, f"{APM}.{path}", number), reason)
              for path, low, high, reason in POLICY_NUMBERS for number in (low - 1, high + 1)),
        ],
        answers_empty=False,
    ),
    "tokens": Document(
        "TokensService", "GetTokensConfig", "PutTokensConfig", "appid.tokens-config.update", TOKENS,
        [
            (MAPPED, MAPPED),
            (changed(MAPPED, "anonymousAccess", {"enabled": True}),
             changed(MAPPED, "anonymousAccess", {"expires_in": 2592000, "enabled": True})),
            ({}, TOKENS),
            *without_switches(),
        ],
        [
            *lifetimes_outside_their_limits(),
            ({"idTokenClaims": [{"sourceClaim": "x"}]}, "UNKNOWN_CLAIM_SOURCE"),
            ({"accessTokenClaims": [{"source": "github", "sourceClaim": "x"}]}, "UNKNOWN_CLAIM_SOURCE"),
            ({"accessTokenClaims": [{"source": "saml"}]}, "SOURCE_CLAIM_MISSING"),
            ({"idTokenClaims": [{"source": "roles"}] * 101}, "TOO_MANY_CLAIMS"),
        ],
        answers_empty=False,
    ),
    "redirect_uris": Document(
        "RedirectUrisService", "GetRedirectUris", "PutRedirectUris", "appid.redirect-uris.update",
        {"redirectUris": []},
        [
            ({"redirectUris": ["https://a.example/cb", "app.a:/cb"]},) * 2,
            ({"redirectUris": ["https://a.example/*"], "trustCloudIAMRedirectUris": True},
             {"redirectUris": ["https://a.example/*"]}),
            ({"redirectUris": []},) * 2,
            ({"redirectUris": ["https://a.example/cb"]},) * 2,
        ],
        [
            ({}, "FIELD_MISSING"), ({"redirectUris": None}, "FIELD_MISSING"),
            ({"redirectUris": [["https://a.example/cb"]]}, "INVALID_LIST"),
            ({"redirectUris": ["https://a.example/cb", "javascript:alert(1)"]}, "INVALID_REDIRECT_URI"),
            ({"redirectUris": ["https://a.example/cb"] * 201}, "TOO_MANY_REDIRECT_URIS"),
        ],
    ),
    "users_profile": Document(
        "UsersProfileService", "GetUsersProfileConfig", "PutUsersProfileConfig", "appid.is-profiles-active.update",
        {"isActive": True}, ON_OFF, SWITCH_FAULTS,
    ),
    "capture_runtime_activity": Document(
        "RuntimeActivityService", "GetRuntimeActivityConfig", "PutRuntimeActivityConfig",
        "appid.capture-runtime-activity.update", {"isActive": False}, ON_OFF, SWITCH_FAULTS,
    ),
    "rate_limit": Document(
        "RateLimitService", "GetRateLimitConfig", "PutRateLimitConfig", "appid.rate-limit.update",
        {"signUpLimitPerMinute": 0, "signInLimitPerMinute": 0},
        [({"signUpLimitPerMinute": up, "signInLimitPerMinute": into},) * 2 for up, into in ((50, 60), (0, 1_000_000))],
        [
            ({"signUpLimitPerMinute": 1}, "RATE_LIMIT_MISSING"),
            ({"signInLimitPerMinute": 1}, "RATE_LIMIT_MISSING"),
            ({"signUpLimitPerMinute": -1, "signInLimitPerMinute": 1}, "RATE_LIMIT_OUT_OF_RANGE"),
            ({"signUpLimitPerMinute": 1, "signInLimitPerMinute": 1_000_001}, "RATE_LIMIT_OUT_OF_RANGE"),
        ],
        answers_empty=False,
    ),
    "password_regex": Document(
        "PasswordRegexService", "GetPasswordRegex", "PutPasswordRegex", "appid.password-regex.update",
        RULE,
        [
            ({"base64_encoded_regex": "LipbYS16XS4q", "error_message": "One of a to z, please"}, A_TO_Z),
            ({"base64_encoded_regex": "LipbYS\r\n16X\n S4q\n", "error_message": "One of a to z, please"}, A_TO_Z),
            (A_TO_Z, A_TO_Z),
            ({"regex": "^.{8,}$"}, RULE),
            ({"base64_encoded_regex": "", "error_message": ""}, RULE),
        ],
        [
            ({"base64_encoded_regex": "%"}, "INVALID_BASE64"),
            ({"base64_encoded_regex": base64.b64encode(b"(?=.*[0-9]).*").decode()}, "INVALID_REGEX"),
            ({"regex": "("}, "INVALID_REGEX"),
            ({"regex": "a" * 2_001}, "REGEX_TOO_LONG"),
            ({"error_message": "a" * 1_001}, "ERROR_MESSAGE_TOO_LONG"),
        ],
        answers_empty=False,
    ),
    "cloud_directory": Document(
        "IdentityProvidersService", "GetCloudDirectoryProvider", "PutCloudDirectoryProvider",
        "appid.idp-config.update", DIRECTORY,
        [
            (OFF, OFF),
            (changed(OFF, f"{CONFIRMATION}.accessMode", "false"), OFF),
            (changed(DIRECTORY, f"{CONFIRMATION}.accessMode", "RESTRICTIVE"),) * 2,
            (changed(DIRECTORY, f"{CONFIRMATION}.methods", []), DIRECTORY),
            (changed(OFF, f"{CONFIRMATION}.methods", []),) * 2,
            (changed(DIRECTORY, "isActive", False),) * 2,
            (changed(DIRECTORY, "config.signupEnabled", False),) * 2,
            (changed(DIRECTORY, "config.signupEnabled", ABSENT), DIRECTORY),
            (BY_NAME, BY_NAME),
            (changed(DIRECTORY, "config.identityField", ABSENT), BY_NAME),
            (DIRECTORY, DIRECTORY),
        ],
        [
            ({}, "IS_ACTIVE_MISSING"),
            ({"isActive": False}, "CONFIG_MISSING"),
            (changed(DIRECTORY, "isActive", ABSENT), "IS_ACTIVE_MISSING"),
            (changed(DIRECTORY, "config.selfServiceEnabled", ABSENT), "FIELD_MISSING"),
            (changed(DIRECTORY, INTERACTIONS, ABSENT), "FIELD_MISSING"),
            *((changed(DIRECTORY, f"{INTERACTIONS}.{name}", ABSENT), "FIELD_MISSING")
              for name in DIRECTORY["config"]["interactions"]),
            (changed(DIRECTORY, f"{CONFIRMATION}.accessMode", ABSENT), "INVALID_ACCESS_MODE"),
            (changed(DIRECTORY, f"{CONFIRMATION}.accessMode", "full"), "INVALID_ACCESS_MODE"),
            (changed(DIRECTORY, f"{CONFIRMATION}.methods", ["sms"]), "INVALID_CONFIRMATION_METHOD"),
            (changed(DIRECTORY, f"{CONFIRMATION}.methods", ["email", "email"]), "INVALID_CONFIRMATION_METHOD"),
            (changed(DIRECTORY, "config.identityField", "phone"), "INVALID_IDENTITY_FIELD"),
            (changed(DIRECTORY, "config.identityField", ""), "INVALID_IDENTITY_FIELD"),
        ],
        body="provider", answers_empty=False,
    ),
}  # fmt: skip


@dataclass
class Documented:
    """One kind of document of one tenant, over the wire."""

    caller: Caller
    kind: Document
    tenant_id: str = field(default="")

    def __post_init__(self) -> None:
        self.tenant_id = self.tenant_id or self.caller.installation.tenant_id

    def get(self, role: str = "reader") -> Json:
        return self.caller.ask(f"{MANAGEMENT}.{self.kind.service}/{self.kind.get}", {"tenantId": self.tenant_id}, role)

    def put(self, document: Json, role: str = "writer") -> Json:
        body = {"tenantId": self.tenant_id, self.kind.body: document}
        return self.caller.ask(f"{MANAGEMENT}.{self.kind.service}/{self.kind.put}", body, role)


@pytest.fixture(params=DOCUMENTS.values(), ids=DOCUMENTS.keys())
def document(request: pytest.FixtureRequest, caller: Caller) -> Documented:
    return Documented(caller, request.param)


def test_a_document_is_what_was_put_last_and_its_default_before(document: Documented) -> None:
    kind, made = document.kind, document.caller.installation
    assert document.get() == kind.default
    for put, expected in kind.accepted:
        assert document.put(put) == ({} if kind.answers_empty else expected)
        assert document.get() == expected, put
        assert document.put(expected) == ({} if kind.answers_empty else expected), "what is read can be sent back"
    last = document.get()
    for put, reason in kind.refused:
        assert refusal(lambda put=put: document.put(put)) == (INVALID, reason), put
        assert document.get() == last, "a refused document changes nothing"
    assert [action for action, _ in changes(made, made.tenant_id)] == [kind.audit] * (2 * len(kind.accepted))
    other = Documented(document.caller, kind, made.with_new_tenant().tenant_id)
    assert other.get("operator") == kind.default, "one tenant's document is not another's"
