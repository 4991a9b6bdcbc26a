"""Members of an organization sign in at the platform with another provider: only those whom it proves, as the rule of
the organization allows, and with no more than they have."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import grpc
import pytest
from kit.accounts.openid import PlatformIssuer
from kit.browser import Browser, Seen, seen
from kit.callers import Caller, refusal
from kit.cases import in_one_test
from kit.oauth import Runtime
from kit.platform import form
from kit.saml import ENTITY_ID, SIGN_IN_URL, IdentityProvider, rsa_key
from kit.second_factor import KEY, Factors, app_code
from kit.servers.openid import CLIENT, SECRET, Provider

from ostiary.directory.factors.factors import TOTP
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import UserChange
from ostiary_api.appid.oauth.v4 import saml_pb2, saml_pb2_grpc
from ostiary_api.oidc.v1 import sign_in_pb2 as pb

IDPS = "identity.appid.management.v4.IdentityProvidersService"
NUMBERS = itertools.count()
SCOPES = "openid email groups"


class World:
    """An organization that takes the word of a provider, which is another server; the provider's person, who has proved
    the address of a member there; and a client and a browser."""

    def __init__(self, server: Caller, provider: Provider) -> None:
        self.server, self.provider = server, provider
        self.tenant_id = server.installation.tenant_id
        self.issuer = PlatformIssuer(server)
        self.issuer.share()
        self.user = self.issuer.user
        self.address = f"{self.user.name}@example.com"
        provider.reset()
        self.says(f"person-{next(NUMBERS)}", self.address)
        config = {"issuer": provider.web.url, "clientId": CLIENT, "secret": SECRET, "displayName": "Acme"}
        self.put("OpenIdProvider", provider={"isActive": True, "config": config})
        self.rule(providers=["oidc"])

    def says(self, sub: str, address: str, *, proved: bool = True) -> None:
        """What the provider says of its person from now on."""
        said = {"sub": sub, "email": address, "email_verified": proved}
        self.provider.claims, self.provider.userinfo = said, said

    def put(self, name: str, **body: Any) -> Any:
        return self.server.ask(f"{IDPS}/Put{name}", {"tenantId": self.tenant_id, **body}, "operator")

    def rule(self, **rule: Any) -> Any:
        return self.put("MemberProviders", rule=rule)

    def change(self, **values: Any) -> None:
        runtime, now = self.server.installation.runtime, self.server.installation.clock.now_ms()
        with runtime.store.write() as work:
            update_user(work, self.tenant_id, self.user.id, UserChange(**values), now)

    def grant(self, role: str) -> None:
        runtime, now = self.server.installation.runtime, self.server.installation.clock.now_ms()
        with runtime.store.write() as work:
            bind_role(work, self.tenant_id, self.user.id, role, now)

    def sent(self, **parameters: str) -> str:
        """The address at the provider to which the button leads."""
        page = self.issuer.authorize(scope=SCOPES, **parameters)
        assert "Continue with <bdi>Acme</bdi>" in page.body, page.body
        return self.issuer.web.submit(page, go="oidc").headers["location"]

    def led_on(self, answer: dict[str, str]) -> str:
        """Where the return address, which is the one that is registered for the tenant, leads the browser."""
        on = Browser(Runtime(self.server, self.tenant_id)).come_back("ReturnFromOpenIdProvider", **answer)
        assert (on.status, on.cookies) == (303, [])
        return on.headers["location"]

    def sign_in(self, **parameters: str) -> Seen:
        return self.issuer.web.come_back(self.led_on(self.provider.agrees(self.sent(**parameters))))

    def claims(self, answer: Seen) -> dict[str, Any]:
        return self.issuer.verified(self.issuer.redeem(answer.sent_back["code"])["id_token"])


@pytest.fixture
def world(server: Caller, provider: Provider) -> World:
    return World(server, provider)


def refused(answer: Seen, status: int = 403) -> None:
    """No code, and a page with every other way."""
    assert (answer.status, "location" in answer.headers) == (status, False), answer.body
    assert 'name="password"' in answer.body


def test_a_member_signs_in_and_stays_the_one_whom_the_first_sign_in_found(world: World) -> None:
    location = world.sent(prompt="login", max_age="600")
    asked = world.provider.asked(location)
    assert asked["redirect_uri"].endswith(f"/oauth/v4/{world.tenant_id}/OpenID/callback"), "no other is registered"
    assert (asked["prompt"], asked["max_age"]) == ("login", "600")
    world.provider.claims["auth_time"] = world.provider.now_s() - 100
    claims = world.claims(world.issuer.web.come_back(world.led_on(world.provider.agrees(location))))
    assert (claims["sub"], claims["amr"]) == (world.user.id, ["oidc"])
    assert claims["auth_time"] == world.provider.now_s() - 100
    world.says(world.provider.claims["sub"], "another@elsewhere.example", proved=False)
    del world.provider.claims["email"]
    assert world.claims(world.sign_in(prompt="login"))["sub"] == world.user.id


def test_a_session_opens_other_applications_until_it_ends(world: World) -> None:
    token = world.issuer.redeem(world.sign_in().sent_back["code"])["id_token"]
    other = world.issuer.another()
    silent = other.authorize(scope=SCOPES, prompt="none")
    claims = other.verified(other.redeem(silent.sent_back["code"])["id_token"])
    assert (claims["sub"], claims["amr"]) == (world.user.id, ["oidc"])
    world.issuer.sign_out(id_token_hint=token)
    assert other.authorize(scope=SCOPES, prompt="none").sent_back["error"] == "login_required"


REFUSED = (
    "an address that is not proved", "nobody's address", "an address that the member has not confirmed",
    "a member who is locked out", "another person with the address of a member", "an owner",
    "a domain that does not count", "a member who has left",
)  # fmt: skip


@in_one_test("case", REFUSED)
def test_nobody_else_is_signed_in(server: Caller, provider: Provider, case: str) -> None:
    world = World(server, provider)
    match case:
        case "an address that is not proved":
            world.says("new", world.address, proved=False)
        case "nobody's address":
            world.says("new", "nobody@example.com")
        case "an address that the member has not confirmed":
            world.change(confirmed=False)
        case "a member who is locked out":
            world.sign_in()
            world.issuer.cookies = {}
            world.change(active=False)
        case "another person with the address of a member":
            world.sign_in()
            world.issuer.cookies = {}
            world.says("the next owner of the address", world.address)
        case "an owner":
            world.grant("org_owner")
        case "a domain that does not count":
            world.rule(providers=["oidc"], domains=["other.example"])
        case "a member who has left":
            world.change(emails=(Contact("new@example.com", primary=True, verified=True),))
    refused(world.sign_in())


def test_a_new_member_has_what_the_rule_gives_and_nothing_else(world: World) -> None:
    world.rule(providers=["oidc"], addMembers=True, domains=["NEW.example"])
    refused(world.sign_in())  # who is a member already, but of another domain
    world.says("newcomer", "newcomer@new.example")
    tokens = world.issuer.redeem(world.sign_in().sent_back["code"])
    claims = world.issuer.verified(tokens["id_token"])
    assert world.issuer.userinfo(tokens["access_token"])["email"] == "newcomer@new.example"
    assert "group_names" not in claims or claims["group_names"] == []
    known = world.server.ask(
        "identity.appid.management.v4.CloudDirectoryUsersService/GetCloudDirectoryUser",
        {"tenantId": world.tenant_id, "userId": claims["sub"]}, "operator",
    )  # fmt: skip
    assert (known["displayName"], known["status"]) == ("Ada Lovelace", "CONFIRMED")
    world.issuer.cookies = {}
    assert world.claims(world.sign_in())["sub"] == claims["sub"]


def test_a_member_with_a_second_factor_is_asked_for_it(world: World) -> None:
    factors = Factors(world.issuer)
    factors.enrol(TOTP, secret=KEY)
    page = world.sign_in()
    assert 'name="code"' in page.body
    claims = world.claims(factors.give(page, app_code(KEY, factors.now_ms)))
    assert claims["amr"][0] == "oidc"
    assert "mfa" in claims["amr"]


def test_another_browser_and_the_tenants_own_sign_in_are_kept_apart(world: World) -> None:
    there = world.led_on(world.provider.agrees(world.sent()))
    assert world.issuer.elsewhere().web.come_back(there).status in (400, 403)
    runtime = Runtime(world.server, world.tenant_id)
    browser, app = Browser(runtime), runtime.application()
    browser.register("https://app.example.com/callback")
    own = browser.authorize(app, idp="oidc").headers["location"]
    assert browser.come_back("ReturnFromOpenIdProvider", **world.provider.agrees(own)).sent_back["code"]


def test_the_tenants_saml_provider_signs_members_in(world: World) -> None:
    config = {"entityID": ENTITY_ID, "signInUrl": SIGN_IN_URL, "certificates": [rsa_key("idp").text]}
    world.put("SamlProvider", provider={"isActive": True, "config": {**config, "displayName": "Corp"}})
    world.rule(providers=["saml"])
    method = "identity.appid.management.v4.SamlMetadataService/GetSamlMetadata"
    metadata = world.server.ask(method, {"tenantId": world.tenant_id}, "operator")["data"]
    idp = IdentityProvider(base64.b64decode(metadata))
    page = world.issuer.authorize(scope=SCOPES)
    assert "Continue with <bdi>Corp</bdi>" in page.body
    assert "Acme" not in page.body, "the rule does not name it"
    request, state = idp.request(world.issuer.web.submit(page, go="saml").headers["location"])
    attributes = {"mail": [world.address]}
    response = idp.changed(request.id, person=world.address, attributes=attributes)
    stub = saml_pb2_grpc.SamlServiceStub(world.server.channel)
    sent = form(SAMLResponse=base64.b64encode(response).decode(), RelayState=state)
    accept = saml_pb2.AcceptSamlResponseRequest(tenant_id=world.tenant_id, form=sent)
    passed_on = seen(stub.AcceptSamlResponse, accept, {}, "/saml2", "text/html")
    assert f'/oidc/oauth2/authorize/{world.tenant_id}/saml"' in passed_on.body
    back = pb.ReturnFromSamlRequest(tenant_id=world.tenant_id, form=form(**passed_on.hidden))
    claims = world.claims(world.issuer.web.send("ReturnFromSaml", back))
    assert (claims["sub"], claims["amr"]) == (world.user.id, ["saml"])


def test_the_rule_is_stored_and_a_rule_that_lets_anybody_in_is_not(world: World) -> None:
    rule = {"providers": ["google", "saml"], "addMembers": True, "domains": ["example.com"]}
    assert world.rule(**rule) == rule
    here = {"tenantId": world.tenant_id}
    assert world.server.ask(f"{IDPS}/GetMemberProviders", here, "operator") == rule
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(lambda: world.rule(addMembers=True)) == (invalid, "DOMAINS_MISSING")
    assert refusal(lambda: world.rule(domains=["no domain"])) == (invalid, "INVALID_DOMAIN")
    assert refusal(lambda: world.rule(providers=["facebook"])) == (invalid, "INVALID_FIELD")
