"""Pages around a sign-in: a new account, a forgotten, expired or changed password, details."""

from __future__ import annotations

from itertools import product

import pytest
from google.protobuf import struct_pb2
from kit.accounts.hosted import NEW, Hosted
from kit.browser import Browser, Seen, redeem
from kit.oauth import PASSWORD, Application, Runtime, refused
from kit.servers.installation import ENTROPY

from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS
from ostiary.directory.users.users import find_by_login, get_user
from ostiary.mfa.settings import MFA, MFA_CHANNELS
from ostiary.settings.languages import LANGUAGES
from ostiary.store.tables import AuthorizationCode, Message, table_of
from ostiary_api.appid.management.v4 import languages_pb2, mfa_pb2

ADA = "ada@example.com"


@pytest.fixture
def hosted(runtime: Runtime, browser: Browser, app: Application) -> Hosted:
    return Hosted(runtime, browser, app)


def user(hosted: Hosted, email: str) -> object:
    with hosted.runtime.made.runtime.store.read() as work:
        found = find_by_login(work, hosted.runtime.tenant_id, email, "email")
        return get_user(work, hosted.runtime.tenant_id, found) if found else None


def code(hosted: Hosted, answer: Seen) -> dict[str, object]:
    return redeem(hosted.runtime, hosted.app, answer.sent_back["code"])


def test_a_new_account_is_confirmed_before_it_signs_in_and_at_once_where_nobody_need_confirm(hosted: Hosted) -> None:
    page = hosted.go(hosted.open(), "sign_up")
    assert (page.status, 'autocomplete="new-password"' in page.body) == (200, True)
    differ = hosted.sign_up(page, "jo@example.com", new_password_again="other")
    assert (differ.status, "The two passwords differ" in differ.body, 'value="jo@example.com"' in differ.body) == (
        400, True, True
    )  # fmt: skip
    pending = hosted.sign_up(differ, "jo@example.com")
    assert (pending.status, "jo@example.com" in pending.body) == (200, True)
    assert "code" not in pending.headers.get("location", "")
    assert hosted.mails() == ["jo@example.com"] * 2, "one to confirm, one to welcome"
    again = hosted.send(pending)
    assert "The mail was sent again" in again.body
    assert hosted.mails() == ["jo@example.com"] * 3
    unconfirmed = hosted.send(hosted.go(again, "password"), username="jo@example.com", password=NEW)
    assert (unconfirmed.status, "Confirm your email address" in unconfirmed.body) == (403, True)
    hosted.settings(mode="OFF")
    page = hosted.open(response_type="sign_up")
    assert "Create an account" in page.body
    assert code(hosted, hosted.sign_up(page, "joe@example.com"))["id_token"]


def test_who_signs_up_does_not_learn_who_has_an_account(hosted: Hosted) -> None:
    new, known = (hosted.sign_up(hosted.open(response_type="sign_up"), address) for address in ("ady@example.com", ADA))
    assert (known.status, known.body.count("<form")) == (new.status, new.body.count("<form"))
    hidden = [answer.hidden["transaction"] for answer in (new, known)]
    assert abs(len(hidden[0]) - len(hidden[1])) <= 2
    assert hosted.mails().count(ADA) == 1, "a mail that helps them back in"
    for page in (new, known):
        assert "The mail was sent again" in hosted.send(page).body
    hosted.settings(mode="OFF")
    told = hosted.sign_up(hosted.open(response_type="sign_up"), ADA)
    assert (told.status, "There is an account with this email address already" in told.body) == (409, True)


@pytest.mark.own_installation
def test_a_forgotten_password_is_answered_alike_whoever_has_the_account(hosted: Hosted) -> None:
    hosted.runtime.user("pending@example.com", confirmed=False)
    for address, mails in (("nobody@example.com", 0), (ADA, 1), ("pending@example.com", 1)):
        page = hosted.send(hosted.go(hosted.open(), "forgot_password"), username=address)
        assert (page.status, address in page.body, "If there is an account" in page.body) == (200, True, True)
        assert hosted.mails().count(address) == mails
    alone = hosted.open("ForgotPassword", language="en-US")
    sent = hosted.send(alone, username=ADA)
    assert 'href="https://app.example.com/callback?flow=forgot_password"' in sent.body
    assert hosted.go(sent, "password").body.count('type="password"') == 0, "no sign-in follows"
    silent = hosted.send(sent, username=ADA, password=PASSWORD, step="password")
    assert "location" not in silent.headers


@pytest.mark.own_installation
def test_what_is_switched_off_is_refused_by_its_address_and_by_its_form(hosted: Hosted) -> None:
    page = hosted.open()
    hosted.settings(signup_enabled=False, self_service_enabled=False)
    assert 'name="go"' not in hosted.open().body
    refusals = [
        hosted.open(response_type="sign_up"), hosted.go(page, "sign_up"),
        hosted.sign_up(page, "x@example.com", step="sign_up"), hosted.open("ForgotPassword"),
        hosted.go(page, "forgot_password"), hosted.send(page, username=ADA, step="forgot_password"),
        hosted.open("ChangePassword", user_id="x"), hosted.open("ChangeDetails", code="x"),
    ]  # fmt: skip
    assert [refusal.status for refusal in refusals] == [403] * len(refusals)
    assert (hosted.mails(), user(hosted, "x@example.com")) == ([], None)
    hosted.settings(reset_password_enabled=False)
    assert hosted.open("ForgotPassword").status == 403


def test_what_is_wrong_with_a_request_goes_back_to_the_application(hosted: Hosted) -> None:
    asked = {"ForgotPassword": {}, "ChangePassword": {"user_id": "x"}, "ChangeDetails": {"code": "x"}}
    for page, more in asked.items():
        for wrong in ({"response_mode": "fragment"}, {"code_challenge": "x" * 43, "code_challenge_method": "plain"}):
            assert hosted.open(page, **more, **wrong).sent_back["error"] == "invalid_request", (page, wrong)
    assert hosted.open("ChangeDetails").status == 404


def test_a_password_is_changed_by_whoever_knows_it_and_whoever_does_not_learns_nothing(hosted: Hosted) -> None:
    ada = hosted.runtime.user("eve@example.com")
    form = {"new_password": NEW, "new_password_again": NEW}
    wrong, nobody = (
        hosted.send(hosted.open("ChangePassword", user_id=who), password="wrong", **form) for who in (ada, "nobody")
    )
    assert "eve@example.com" not in wrong.body
    for answer in (wrong, nobody):
        assert (answer.status, "The current password that you entered is incorrect" in answer.body) == (400, True)
    weak = hosted.send(wrong, password=PASSWORD, new_password="x", new_password_again="x")
    assert (weak.status, "strength requirements" in weak.body) == (400, True)
    other = hosted.send(
        hosted.open("ChangePassword", user_id=hosted.runtime.user("mal@example.com")), password="?", **form
    )
    assert other.status == 400
    tokens = code(hosted, hosted.send(weak, password=PASSWORD, **form))
    assert hosted.runtime.verified(str(tokens["id_token"]))[1]["amr"] == ["cloud_directory"]
    with refused("invalid_grant"):
        hosted.runtime.sign_in(hosted.app, "eve@example.com")
    assert hosted.runtime.sign_in(hosted.app, "eve@example.com", password=NEW)["access_token"]


def test_an_expired_password_is_renewed_by_whoever_has_just_proved_it(hosted: Hosted) -> None:
    document = ADVANCED_PASSWORDS.default_document()
    policies = document.advanced_password_management
    policies.enabled = policies.password_expiration.enabled = True
    policies.password_expiration.config.days_to_expire = 1
    with hosted.runtime.made.runtime.store.write() as work:
        ADVANCED_PASSWORDS.replace(work, hosted.runtime.tenant_id, document, 1)
    hosted.runtime.user("old@example.com")
    hosted.runtime.made.clock.advance(2 * 86_400)
    first, second = (hosted.browser.submit(hosted.open(), "old@example.com") for _ in range(2))
    assert (first.status, "Your password has expired" in first.body) == (400, True)
    form = {"new_password": NEW, "new_password_again": NEW}
    assert code(hosted, hosted.send(first, **form))["access_token"]
    late = hosted.send(second, **{**form, "new_password": "third horse 3", "new_password_again": "third horse 3"})
    assert (late.status, "location" in late.headers) == (400, False), "the proof was of a password that is gone"
    assert hosted.runtime.sign_in(hosted.app, "old@example.com", password=NEW)["access_token"]


def test_details_are_changed_once_with_a_code_that_the_application_asks_for(hosted: Hosted) -> None:
    token = str(hosted.runtime.sign_in(hosted.app)["access_token"])
    first, details = hosted.details_code(token), hosted.details_code(token)
    dead = hosted.open("ChangeDetails", code=first)
    assert (dead.status, "used already" in dead.body) == (410, True)
    assert hosted.open("ChangeDetails", code="nonsense").status == 404
    other = Hosted(hosted.runtime, hosted.browser, hosted.runtime.application("other"))
    assert other.open("ChangeDetails", code=details).status == 404, "the token of one application opens no other"
    page, other_tab = hosted.open("ChangeDetails", code=details), hosted.open("ChangeDetails", code=details)
    assert 'value="Ada Lovelace"' in page.body
    form = {"given_name": "Ada", "family_name": "King", "display_name": "Countess", "phone": "+442079460000"}
    assert code(hosted, hosted.send(page, **form))["id_token"]
    late = hosted.send(other_tab, **{**form, "display_name": "Stolen"})
    assert (late.status, "location" in late.headers) == (410, False)
    found = user(hosted, ADA)
    assert (found.display_name, found.family_name, found.email) == ("Countess", "King", ADA)  # type: ignore[attr-defined]


def test_a_number_that_is_changed_by_a_password_alone_gets_no_codes_of_a_second_factor(hosted: Hosted) -> None:
    def change(phone: str) -> Seen:
        token = str(hosted.runtime.sign_in(hosted.app)["access_token"])  # the password grant asks for no second factor
        page = hosted.open("ChangeDetails", code=hosted.details_code(token))
        return hosted.send(page, given_name="Ada", family_name="King", display_name="Ada", phone=phone)

    assert code(hosted, change("+442079460000"))["id_token"]
    made = hosted.runtime.made
    channels = mfa_pb2.MfaChannels(sms_is_active=True)
    channels.sms.CopyFrom(mfa_pb2.MfaChannelConfig(key="k", secret="s", sender=struct_pb2.Value(string_value="me")))
    with made.runtime.store.write() as work:
        MFA.replace(work, hosted.runtime.tenant_id, mfa_pb2.MfaConfig(is_active=True), 1)
        MFA_CHANNELS.replace_sealed(work, made.runtime.sealing, ENTROPY, hosted.runtime.tenant_id, channels, 1)
    page = change("+14155550666")
    assert page.hidden["step"] == "sms_code"
    with made.runtime.store.read() as work:
        sent = work.rows(table_of(Message).select().where(table_of(Message).c.channel == "sms"))
    assert [message.target for message in sent] == ["+442079460000"]


def test_a_page_and_its_problems_are_in_the_language_that_was_asked_for_among_the_tenants(hosted: Hosted) -> None:
    languages = languages_pb2.LanguagesConfig(languages=["en", "de-AT", "ar", "ja"])
    with hosted.runtime.made.runtime.store.write() as work:
        LANGUAGES.replace(work, hosted.runtime.tenant_id, languages, 1)
    german = hosted.open(language="de-DE", ui_locales="ja")
    assert '<html lang="de" dir="ltr">' in german.body
    wrong = hosted.browser.submit(german, password="wrong")
    assert "<title>Fehler: Bei app anmelden" in wrong.body
    assert "oder das Passwort ist falsch" in wrong.body
    assert '<html lang="ar" dir="rtl">' in hosted.open(ui_locales="fr ar-EG ja").body
    assert "サインイン" in hosted.open(ui_locales="fr x-y ja").body
    assert '<html lang="en" dir="ltr">' in hosted.open(ui_locales="fr").body
    hosted.browser.accept = "text/html"
    gone = hosted.send(german, csrf_token="x")
    assert (gone.status, "CSRF_FAILED" in gone.body, "For developers" in gone.body) == (403, True, True)


STEPS = ("password", "sign_up", "forgot_password", "pending", "renew_password", "change_password", "change_details",
         "forgot_password_page", "anonymous", "store_password", "store_details", "none")  # fmt: skip
FLOWS = {
    "sign-in": ("Authorize", {}),
    "sign-up": ("Authorize", {"response_type": "sign_up"}),
    "forgot": ("ForgotPassword", {}),
    "change": ("ChangePassword", {"user_id": "00000000-0000-4000-8000-000000000000"}),
}


@pytest.mark.own_installation
def test_no_pair_of_steps_out_of_order_leads_to_a_code(hosted: Hosted) -> None:
    """Each page, then each step by its name, with the fields of all, then each again; from another tab, too."""
    form = {"new_password": "x", "new_password_again": "y", "email": "x", "password": "wrong", "display_name": "Eve"}
    pages = [hosted.open(flow, **parameters) for flow, parameters in FLOWS.values()]
    for page, (one, two) in product(pages, product(STEPS, STEPS)):
        for fields in ({"step": one, **form}, {"step": one, "go": two}):
            answer = hosted.send(page, **fields)
            assert (answer.status < 500, "location" in answer.headers) == (True, False), (one, two, answer.body)
    with hosted.runtime.made.runtime.store.read() as work:
        assert not work.rows(table_of(AuthorizationCode).select())
