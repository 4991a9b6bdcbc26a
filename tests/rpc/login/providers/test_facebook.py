"""Sign-in with Facebook, which is a second server here: the browser goes there and comes back."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kit.browser import CALLBACK, Browser, Seen, redeem
from kit.callers import Caller, serving
from kit.oauth import Runtime
from kit.servers.facebook import ADA, APP_ID, SECRET, Facebook
from kit.servers.installation import install
from kit.servers.web import site
from sqlalchemy import func, select

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.mfa.settings import MFA
from ostiary.settings.languages import LANGUAGES
from ostiary.store.tables import Profile, SignInTransaction, table_of
from ostiary.upstream.social import SOCIAL
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb
from ostiary_api.appid.management.v4 import languages_pb2
from ostiary_api.appid.management.v4.mfa_pb2 import MfaConfig

BACK = "ReturnFromFacebook"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def facebook() -> Facebook:
    return Facebook()


@pytest.fixture(scope="module")
def server(facebook: Facebook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """One server for the file, which knows where Facebook is."""
    folder = tmp_path_factory.mktemp("facebook")
    with site(facebook.serve) as web:
        facebook.last = lambda: web.received[-1]
        settings = {
            "outgoing_allow": "127.0.0.0/8", "facebook_url": f"{web.url}/v1", "facebook_graph_url": f"{web.url}/graph",
        }  # fmt: skip
        with serving(install(f"sqlite:///{folder}/ostiary.sqlite3", folder, **settings)) as made:
            yield made


@dataclass
class World:
    """A tenant with Facebook, an application of it, and a browser."""

    runtime: Runtime
    facebook: Facebook

    def __post_init__(self) -> None:
        self.made = self.runtime.made
        self.app = self.runtime.application()
        self.browser = Browser(self.runtime)
        self.browser.register(CALLBACK)
        self.switch(on=True)

    def switch(self, *, on: bool, directory: bool = True) -> None:
        config = pb.SocialProviderConfig(idp_id=APP_ID, secret=SECRET)
        runtime, now = self.made.runtime, self.made.clock.now_ms()
        with runtime.store.write() as work:
            given = pb.SocialProvider(is_active=on, config=config)
            SOCIAL["facebook"].replace_sealed(
                work, runtime.sealing, runtime.entropy, self.runtime.tenant_id, given, now
            )
            document = CLOUD_DIRECTORY.default_document()
            document.is_active = directory
            CLOUD_DIRECTORY.replace(work, self.runtime.tenant_id, document, now)

    def sent(self, **parameters: str) -> str:
        """The address at Facebook to which the button leads."""
        page = self.browser.authorize(self.app, **parameters)
        seen = self.browser.press(page, "facebook") if page.status == 200 else page
        assert seen.status == 303, seen.body
        return seen.headers["location"]

    def back(self, answer: dict[str, str]) -> Seen:
        return self.browser.come_back(BACK, **answer)

    def claims(self, seen: Seen) -> dict[str, Any]:
        """What the identity token says."""
        tokens = redeem(self.runtime, self.app, seen.sent_back["code"])
        return self.runtime.verified(str(tokens["id_token"]))[1]

    def count(self, table: Any) -> int:
        rows = table_of(table)
        with self.made.runtime.store.read() as work:
            (row,) = work.rows(select(func.count()).select_from(rows).where(rows.c.tenant_id == self.runtime.tenant_id))
        return int(row[0])


@pytest.fixture
def world(server: Caller, facebook: Facebook) -> World:
    tenant = server.installation.new_tenant(f"t{next(NUMBERS)}")
    return World(Runtime(server, tenant), facebook)


def test_a_button_leads_to_facebook_and_back_with_a_profile_of_its_own(world: World) -> None:
    page = world.browser.authorize(world.app)
    assert page.body.count('name="go" value="facebook"') == 1
    answer = world.facebook.agrees(world.browser.press(page, "facebook").headers["location"])
    assert world.count(SignInTransaction) == 0, "nothing is stored of who has proved nothing yet"
    seen = world.back(answer)
    assert seen.sent_back["state"] == "s1"
    assert not any(world.browser.cookies.values()), "no cookie of the journey stays"
    tokens = redeem(world.runtime, world.app, seen.sent_back["code"])
    claims = world.runtime.verified(str(tokens["id_token"]))[1]
    assert (claims["amr"], claims["identities"]) == (["facebook"], [{"provider": "facebook", "id": ADA["id"]}])
    assert (claims["name"], claims["email"]) == (ADA["name"], ADA["email"])
    assert (claims["given_name"], claims["family_name"]) == ("Ada", "Lovelace")
    assert (claims["picture"], claims["email_verified"]) == ("https://fb.example/ada.jpg", False)
    (known,) = world.runtime.userinfo(str(tokens["access_token"]))["identities"]
    assert known["idpUserInfo"] == {
        **known["idpUserInfo"],
        "first_name": "Ada",
        "email": "ada@fb.example",
        "idpType": "facebook",
    }
    again = world.claims(world.back(world.facebook.agrees(world.sent(idp="facebook"), {**ADA, "name": "Countess"})))
    assert (again["sub"], again["name"]) == (claims["sub"], "Countess")
    assert world.count(Profile) == 1


def test_one_provider_alone_is_asked_at_once_and_says_on_a_page_what_went_wrong(world: World) -> None:
    world.switch(on=True, directory=False)
    with world.made.runtime.store.write() as work:
        german = languages_pb2.LanguagesConfig(languages=["en", "de"])
        LANGUAGES.replace(work, world.runtime.tenant_id, german, world.made.clock.now_ms())
    location = world.sent(prompt="login", language="de")
    assert "auth_type=reauthenticate" in location
    state = world.facebook.agrees(location)["state"]
    denied = world.back({"error": "access_denied", "state": state})
    assert (denied.status, "Mit <bdi>Facebook</bdi> fortfahren" in denied.body) == (403, True)
    assert "abgebrochen" in denied.body
    again = world.browser.press(denied, "facebook")
    assert world.back(world.facebook.agrees(again.headers["location"])).sent_back["code"]


@pytest.mark.parametrize("case", ["another state", "another browser", "no state", "twice", "too late"])
def test_who_was_not_sent_there_does_not_come_back(world: World, case: str) -> None:
    answer = world.facebook.agrees(world.sent())
    match case:
        case "another state":
            answer["state"] = "x" * 43
        case "no state":
            answer["state"] = ""
        case "another browser":
            world.browser = Browser(world.runtime)
        case "twice":
            before = copy.copy(world.browser.cookies)
            assert world.back(answer).status == 303
            world.browser.cookies = before
            world.facebook.people[answer["code"]] = ADA
        case "too late":
            world.made.clock.advance(1800)
    seen = world.back(answer)
    assert (seen.status, "location" in seen.headers) == (400 if case in ("twice", "too late") else 403, False)


def test_a_code_that_facebook_does_not_know_signs_nobody_in(world: World) -> None:
    answer = {**world.facebook.agrees(world.sent()), "code": "planted"}
    seen = world.back(answer)
    assert (seen.status, "The other provider could not sign you in" in seen.body) == (400, True)
    assert "Invalid verification code" not in seen.body, "what another server says goes on no page"
    assert world.count(Profile) == 0


def test_an_anonymous_user_keeps_the_profile(world: World) -> None:
    world.runtime.settings(anonymous_access={"enabled": True})
    code = world.browser.authorize(world.app, idp="appid_anon").sent_back["code"]
    token = str(redeem(world.runtime, world.app, code)["access_token"])
    anonymous = world.runtime.verified(token)[1]["sub"]
    claims = world.claims(world.back(world.facebook.agrees(world.sent(appid_access_token=token))))
    assert (claims["sub"], world.count(Profile)) == (anonymous, 1)


def test_who_may_not_be_asked_or_is_not_let_in_is_told_to_the_application(world: World) -> None:
    assert world.browser.authorize(world.app, idp="facebook", prompt="none").sent_back["error"] == "login_required"
    world.switch(on=False)
    assert world.browser.authorize(world.app, idp="facebook").sent_back["error"] == "access_denied"
    assert 'value="facebook"' not in world.browser.authorize(world.app).body
    world.switch(on=True)
    assert 'value="facebook"' not in world.browser.authorize(world.app, idp="cloud_directory").body
    long = world.browser.authorize(world.app, idp="facebook", state="s" * 4_096, nonce="n" * 4_000).sent_back
    assert (long["error"], long["state"]) == ("invalid_request", "s" * 4_096)


def test_second_factors_are_for_users_of_the_directory(world: World) -> None:
    with world.made.runtime.store.write() as work:
        MFA.replace(work, world.runtime.tenant_id, MfaConfig(is_active=True), world.made.clock.now_ms())
    assert world.claims(world.back(world.facebook.agrees(world.sent(idp="facebook"))))["amr"] == ["facebook"]
