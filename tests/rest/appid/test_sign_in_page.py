"""The sign-in page through the real gateway and two workers: one form leads to one code, in one browser."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from kit.saml import ENTITY_ID, SIGN_IN_URL, IdentityProvider, rsa_key
from kit.servers.command import ostiary_here
from kit.servers.served import NO_AUTHORITIES, Served, served

CALLBACK = "https://app.example.com/callback"
PASSWORD = "correct horse battery"
PEOPLE = [f"user{number}@example.com" for number in range(8)]
"""Several, since sign-ins are counted by user."""
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"outgoing_allow": "127.0.0.0/8"}
    if request.param == "postgresql":
        settings["database"] = request.getfixturevalue("postgres").new_database()
    with served(tmp_path_factory.mktemp("page"), **settings) as running:
        management = f"/management/v4/{running.credentials['tenantId']}"
        manager = running.manager()
        for email in PEOPLE:
            user = {"emails": [{"value": email, "primary": True}], "password": PASSWORD, "status": "CONFIRMED"}
            running.http.post(f"{management}/cloud_directory/sign_up", json=user, headers=manager).raise_for_status()
        uris = {"redirectUris": [CALLBACK]}
        running.http.put(f"{management}/config/redirect_uris", json=uris, headers=manager).raise_for_status()
        yield running


class Tab:
    """A tab of a browser, whose cookies it shares with the other tabs of it."""

    def __init__(self, server: Served, cookies: dict[str, str] | None = None, **parameters: str) -> None:
        self.oauth = server.credentials["oauthServerUrl"]
        self.cookies = {} if cookies is None else cookies
        asked = {"client_id": server.credentials["clientId"], "response_type": "code", "redirect_uri": CALLBACK}
        query = {**asked, "state": "s", **parameters}
        self.page = httpx.get(f"{self.oauth}/authorization", params=query, headers=BROWSER, timeout=20)
        self.cookies.update(self.page.cookies)
        self.form = {name: unescape(value) for name, value in HIDDEN.findall(self.page.text)}

    def submit(self, email: str, password: str = PASSWORD, **form: str) -> httpx.Response:
        fields = {**self.form, "username": email, "password": password, **form}
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**BROWSER, **({"cookie": cookie} if cookie else {})}
        return httpx.post(f"{self.oauth}/authorization/sign_in", data=fields, headers=headers, timeout=20)


def code(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def redeem(server: Served, code: str) -> httpx.Response:
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    client = server.credentials["clientId"], server.credentials["secret"]
    return server.http.post(f"{server.credentials['oauthServerUrl']}/token", data=grant, auth=client)


def test_a_sign_in_leads_to_tokens_and_its_form_to_nothing_more(server: Served) -> None:
    tab = Tab(server)
    assert tab.page.headers["content-type"] == "text/html; charset=utf-8"
    answer = tab.submit(PEOPLE[0])
    assert redeem(server, code(answer)).json()["token_type"] == "Bearer"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    again = tab.submit(PEOPLE[0])  # by a browser that keeps what it was told to forget
    assert (again.status_code, "This sign-in is over" in again.text) == (400, True)
    assert again.headers["content-type"] == "text/html; charset=utf-8"


def test_of_one_form_sent_at_once_to_both_workers_one_code_comes(server: Served) -> None:
    tab = Tab(server)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: tab.submit(PEOPLE[1]), range(8)))
    assert Counter(answer.status_code for answer in answers) == {303: 1, 400: 7}


def test_two_tabs_of_one_browser_sign_in_each_for_itself(server: Served) -> None:
    first = Tab(server, state="one")
    second = Tab(server, first.cookies, state="two")
    mixed = second.submit(PEOPLE[2], csrf_token=first.form["csrf_token"])
    assert (mixed.status_code, "does not belong to this browser" in mixed.text) == (403, True)
    for tab, state in ((second, "two"), (first, "one")):
        assert f"state={state}" in tab.submit(PEOPLE[2]).headers["location"]


def test_a_form_that_another_browser_sends_is_refused(server: Served) -> None:
    tab = Tab(server)
    tab.cookies.clear()
    assert tab.submit(PEOPLE[3]).status_code == 403


def test_the_page_says_what_was_wrong_and_keeps_the_name(server: Served) -> None:
    tab = Tab(server, login_hint=PEOPLE[4])
    assert f'value="{PEOPLE[4]}"' in tab.page.text
    wrong = tab.submit(PEOPLE[5], "wrong", step="anonymous")
    assert (wrong.status_code, f'value="{PEOPLE[5]}"' in wrong.text) == (400, True)
    assert "The email or password that you entered is incorrect." in wrong.text
    assert code(tab.submit(PEOPLE[5]))


def test_nobody_is_asked_where_nobody_may_be(server: Served) -> None:
    assert "error=login_required" in Tab(server, prompt="none").page.headers["location"]
    silent = Tab(server, prompt="none", idp="appid_anon").page
    assert "error=access_denied" in silent.headers["location"], "anonymous users are off in a fresh tenant"
    management = f"/management/v4/{server.credentials['tenantId']}/config/tokens"
    on = {"anonymousAccess": {"enabled": True}}
    server.http.put(management, json=on, headers=server.manager()).raise_for_status()
    anonymous = Tab(server, prompt="none", idp="appid_anon").page
    assert redeem(server, code(anonymous)).json()["token_type"] == "Bearer"
    assert "set-cookie" not in anonymous.headers


def test_where_a_second_factor_is_asked_for_the_password_alone_leads_to_no_code(server: Served) -> None:
    tab = Tab(server)
    mfa = f"/management/v4/{server.credentials['tenantId']}/config/cloud_directory/mfa"
    try:
        server.http.put(mfa, json={"isActive": True}, headers=server.manager()).raise_for_status()
        answer = tab.submit(PEOPLE[6])
        assert "code=" not in answer.headers.get("location", "")
        tab.cookies.update(answer.cookies)
        assert "code=" not in Tab(server, tab.cookies).page.headers.get("location", "")
    finally:
        server.http.put(mfa, json={"isActive": False}, headers=server.manager()).raise_for_status()
    assert code(Tab(server).submit(PEOPLE[6])), "it is enough again"


def test_a_saml_response_leads_to_one_code_whichever_worker_it_reaches(server: Served) -> None:
    management, manager = f"/management/v4/{server.credentials['tenantId']}", server.manager()
    config = {
        "entityID": ENTITY_ID, "signInUrl": SIGN_IN_URL, "certificates": [rsa_key("idp").text], "idpInitEnabled": True,
        "idpRedirectUrl": CALLBACK,
    }  # fmt: skip
    put = server.http.put(f"{management}/config/idps/saml", json={"isActive": True, "config": config}, headers=manager)
    put.raise_for_status()
    provider = IdentityProvider(server.http.get(f"{management}/config/saml_metadata", headers=manager).content)

    def arrive(response: bytes, state: str = "") -> httpx.Response:
        form = {"SAMLResponse": base64.b64encode(response).decode(), "RelayState": state}
        return httpx.post(provider.acs_url, data=form, headers=BROWSER, timeout=20)

    tab = Tab(server, idp="saml")
    request, state = provider.request(tab.page.headers["location"])
    page = arrive(provider.changed(request.id), state)
    assert (page.status_code, "SameSite=Lax" in tab.page.headers["set-cookie"]) == (200, True)
    fields = {name: unescape(value) for name, value in HIDDEN.findall(page.text)}
    cookie = "; ".join(f"{name}={value}" for name, value in tab.cookies.items())
    answer = httpx.post(f"{tab.oauth}/authorization/saml", data=fields, headers={**BROWSER, "cookie": cookie})
    assert code(answer)
    unasked = provider.changed(None)
    with ThreadPoolExecutor(8) as at_once:
        statuses = Counter(answer.status_code for answer in at_once.map(arrive, [unasked] * 8))
    assert statuses == {303: 1, 403: 7}, "an assertion counts once, on any number of processes"


def test_a_browser_at_the_root_gets_a_page_and_a_program_the_answer_of_every_unknown_path(server: Served) -> None:
    page = httpx.get(server.url, headers={**BROWSER, "accept-language": "de"}, timeout=20)
    assert (page.status_code, '<html lang="de"' in page.text, "/openapi.json" in page.text) == (200, True, True)
    (sign_in,) = re.findall(r'href="([^"]+openid-configuration)"', page.text)
    assert httpx.get(unescape(sign_in), timeout=20).json()["issuer"] == server.credentials["oauthServerUrl"]
    program, unknown = (httpx.get(server.url + path, timeout=20) for path in ("/", "/nothing"))
    assert program.status_code == unknown.status_code == 404
    assert program.json()["errorCode"] == unknown.json()["errorCode"] == "PATH_NOT_FOUND"
    assert httpx.post(server.url, headers=BROWSER, timeout=20).status_code == 405


@dataclass
class Neighbour:
    """Another tenant of the server: an OpenID provider like any other, with a person of its own."""

    issuer: str
    client: dict[str, str]


@pytest.fixture(scope="module")
def neighbour(server: Served) -> Neighbour:
    def run(*arguments: str) -> Any:
        ended = ostiary_here(*arguments, "--json", cwd=server.folder, **server.variables)
        assert ended.code == 0, ended.stderr
        return ended.json()

    tenant = run("tenant", "create", "neighbour")["id"]
    bearer = {"authorization": f"Bearer {server.token(run('apikey', 'create', tenant, '--role', 'manager')['apikey'])}"}
    there, here = f"/management/v4/{tenant}", f"/management/v4/{server.credentials['tenantId']}"

    def ask(verb: str, path: str, document: dict[str, Any], **headers: str) -> Any:
        return server.http.request(verb, path, json=document, headers=headers).raise_for_status().json()

    client = ask("POST", f"{there}/applications", {"name": "acme"}, **bearer)
    manager = server.manager()
    back = server.http.get(f"{here}/config/idps/oidc", headers=manager).json()["redirectURL"]
    server.http.put(f"{there}/config/redirect_uris", json={"redirectUris": [back]}, headers=bearer).raise_for_status()
    person = {"emails": [{"value": "grace@neighbour.example", "primary": True}], "displayName": "Grace Hopper",
              "password": PASSWORD, "status": "CONFIRMED"}  # fmt: skip
    ask("POST", f"{there}/cloud_directory/sign_up", person, **bearer)
    issuer = f"{server.url}/oauth/v4/{tenant}"
    config = {"issuer": issuer, "clientId": client["clientId"], "secret": client["secret"], "displayName": "Neighbour"}
    ask("PUT", f"{here}/config/idps/oidc", {"isActive": True, "config": config}, **manager)
    return Neighbour(issuer, client)


def follow(browser: httpx.Client, page: httpx.Response, **fields: str) -> httpx.Response:
    """Sends the form of a page."""
    form = {name: unescape(value) for name, value in HIDDEN.findall(page.text)}
    (action,) = set(re.findall(r'action="([^"]*)"', page.text))
    return browser.post(unescape(action), data={**form, **fields})


def test_another_ostiary_is_an_openid_provider_through_the_gateway(server: Served, neighbour: Neighbour) -> None:
    asked = {"client_id": server.credentials["clientId"], "response_type": "code", "redirect_uri": CALLBACK}
    with httpx.Client(headers=BROWSER, timeout=20, verify=NO_AUTHORITIES) as browser:
        page = browser.get(f"{server.credentials['oauthServerUrl']}/authorization", params={**asked, "state": "s"})
        sent = follow(browser, page, go="oidc")
        assert sent.headers["location"].startswith(f"{neighbour.issuer}/authorization?"), sent.text
        there = follow(
            browser, browser.get(sent.headers["location"]), username="grace@neighbour.example", password=PASSWORD
        )
        assert "/OpenID/callback?" in there.headers["location"]
        extra = "&session_state=x&scope=openid"  # what other providers add
        back = browser.get(there.headers["location"] + extra)
        tokens = redeem(server, code(back)).json()
        assert [cookie.name for cookie in browser.cookies.jar if cookie.name.startswith("ostiary_away_")] == []
        replayed = browser.get(there.headers["location"])
        assert (replayed.status_code, "does not belong to this browser" in replayed.text) == (403, True)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    known = server.http.get(f"{server.credentials['oauthServerUrl']}/userinfo", headers=bearer).json()
    assert (known["name"], known["email"]) == ("Grace Hopper", "grace@neighbour.example")
    (identity,) = known["identities"]
    assert (identity["provider"], identity["idpUserInfo"]["tenant"]) == ("oidc", neighbour.issuer.rpartition("/")[2])
