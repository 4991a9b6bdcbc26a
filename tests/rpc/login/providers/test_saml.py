"""Sign-in with the tenant's SAML identity provider, which pysaml2 is here: the browser goes there and comes back."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from google.api import httpbody_pb2
from kit.browser import CALLBACK, Browser, Seen, redeem, seen
from kit.callers import Caller, serving
from kit.oauth import URLENCODED, Runtime
from kit.saml import CONTEXT, ENTITY_ID, PERSON, SIGN_IN_URL, IdentityProvider, of, rsa_key
from kit.servers.installation import install
from lxml import etree

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.keys.keyring import SAML_ENCRYPT, SAML_SIGN, new_key
from ostiary.keys.rotation import announce_or_rotate
from ostiary.oauth.token.settings import TOKENS
from ostiary.upstream.saml.settings import SAML
from ostiary_api.appid.management.v4 import identity_providers_pb2 as settings_pb
from ostiary_api.appid.oauth.v4 import authorization_pb2 as pb
from ostiary_api.appid.oauth.v4 import saml_pb2, saml_pb2_grpc

NUMBERS = itertools.count()
HOME = "https://app.example.com/home"
MAIL, KINDS = "urn:oid:0.9.2342.19200300.100.1.3", "urn:oid:1.3.6.1.4.1.5923.1.1.1.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    folder = tmp_path_factory.mktemp("saml")
    with serving(install(f"sqlite:///{folder}/ostiary.sqlite3", folder)) as made:
        yield made


@dataclass
class World:
    """A tenant whose one identity provider is pysaml2, an application of it, and a browser."""

    runtime: Runtime
    folder: Path
    wants_signed: bool = False
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.made = self.runtime.made
        self.app = self.runtime.application()
        self.browser = Browser(self.runtime)
        self.browser.register(CALLBACK, HOME)
        self.configure(directory=False)
        self.idp = IdentityProvider(self.metadata(), wants_signed=self.wants_signed)

    def configure(self, *, on: bool = True, directory: bool = False, **config: Any) -> None:
        self.config |= config
        given = {
            "entity_id": ENTITY_ID, "sign_in_url": SIGN_IN_URL, "certificates": [rsa_key("idp").text],
            "display_name": "Corp", "authn_context": {"class": [CONTEXT], "comparison": "exact"}, **self.config,
        }  # fmt: skip
        given["authn_context"] = settings_pb.SamlAuthnContext(
            classes=given["authn_context"]["class"], comparison=given["authn_context"]["comparison"]
        )
        provider = settings_pb.SamlProvider(is_active=on, config=settings_pb.SamlProviderConfig(**given))
        with self.made.runtime.store.write() as work:
            now, tenant = self.made.clock.now_ms(), self.runtime.tenant_id
            SAML.replace(work, tenant, provider, now)
            document = CLOUD_DIRECTORY.default_document()
            document.is_active = directory
            CLOUD_DIRECTORY.replace(work, tenant, document, now)

    def metadata(self) -> bytes:
        method = "identity.appid.management.v4.SamlMetadataService/GetSamlMetadata"
        answer = self.runtime.caller.ask(method, {"tenantId": self.runtime.tenant_id}, "operator")
        return base64.b64decode(answer["data"])

    def encryption_certificate(self) -> Path:
        runtime = self.made.runtime
        with runtime.store.read() as work:
            tenant = runtime.tenancy.find(work, self.runtime.tenant_id)
            assert tenant is not None
            der = runtime.keys.certificates(work, tenant, SAML_ENCRYPT)[0]
        path = self.folder / "encryption.pem"
        path.write_bytes(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))
        return path

    def sent(self, **parameters: str) -> tuple[str, str]:
        """The request's id and the RelayState of a sign-in, as the identity provider has read them."""
        page = self.browser.authorize(self.app, **parameters)
        request, state = self.idp.request((page if page.status == 303 else self.pressed(page)).headers["location"])
        return request.id, state

    def pressed(self, page: Seen) -> Seen:
        return self.browser.press(page, "saml")

    def arrives(self, response: bytes, state: str = "") -> Seen:
        """A form of the identity provider's site; so no cookie of ours comes along."""
        request = saml_pb2.AcceptSamlResponseRequest(
            tenant_id=self.runtime.tenant_id, form=_form(SAMLResponse=base64.b64encode(response), RelayState=state)
        )  # fmt: skip
        stub, given = saml_pb2_grpc.SamlServiceStub(self.runtime.caller.channel), dict[str, str]()
        answer = seen(stub.AcceptSamlResponse, request, given, "/saml2", "text/html")
        self.browser.cookies |= given
        return answer

    def back(self, response: bytes, state: str) -> Seen:
        """The whole way back: the page of the address for responses passes the response on."""
        page = self.arrives(response, state)
        if page.status != 200:
            return page
        assert f'action="{self.made.runtime.issuers.tenant(self.runtime.tenant_id)}/authorization/saml"' in page.body
        self.browser.accept = "text/html"
        request = pb.ReturnFromSamlRequest(tenant_id=self.runtime.tenant_id, form=_form(**page.hidden))
        return self.browser.send("ReturnFromSaml", request)

    def claims(self, answer: Seen) -> dict[str, Any]:
        """What the identity token says."""
        tokens = redeem(self.runtime, self.app, answer.sent_back["code"])
        return self.runtime.verified(str(tokens["id_token"]))[1]


def _form(**fields: Any) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type=URLENCODED, data=urlencode(fields).encode())


@pytest.fixture
def world(server: Caller, tmp_path: Path) -> World:
    return World(Runtime(server, server.installation.new_tenant(f"t{next(NUMBERS)}")), tmp_path)


def test_the_one_provider_is_asked_at_once_and_makes_a_profile(world: World) -> None:
    with world.made.runtime.store.write() as work:
        mapped = TOKENS.default_document()
        for claim, source in (("work", f"attributes.{MAIL}"), ("kinds", f"attributes.{KINDS}"), ("login", "name_id")):
            mapped.id_token_claims.add(source="saml", source_claim=source, destination_claim=claim)
        TOKENS.replace(work, world.runtime.tenant_id, mapped, world.made.clock.now_ms())
    request, state = world.idp.request(world.browser.authorize(world.app).headers["location"])
    assert (request.issuer.text, request.assertion_consumer_service_url) == (world.idp.audience, world.idp.acs_url)
    assert (request.force_authn, request.name_id_policy.allow_create, request.scoping) == ("true", "true", None)
    (asked,) = request.requested_authn_context.authn_context_class_ref
    assert (asked.text, request.requested_authn_context.comparison) == (CONTEXT, "exact")
    answer = world.back(world.idp.changed(request.id), state)
    assert answer.sent_back["state"] == "s1"
    assert not any(world.browser.cookies.values()), "no cookie of the journey stays"
    tokens = redeem(world.runtime, world.app, answer.sent_back["code"])
    claims = world.runtime.verified(str(tokens["id_token"]))[1]
    assert (claims["amr"], claims["identities"]) == (["saml"], [{"provider": "saml", "id": PERSON}])
    assert (claims["name"], claims["email"]) == ("Ann Other", PERSON)
    assert (claims["work"], claims["kinds"], claims["login"]) == (PERSON, ["staff", "member"], PERSON)
    (known,) = world.runtime.userinfo(str(tokens["access_token"]))["identities"]
    assert known["idpUserInfo"]["attributes"][MAIL] == PERSON
    again = world.claims(world.back(world.idp.changed(*(first := world.sent(idp="saml"))[:1]), first[1]))
    assert again["sub"] == claims["sub"]


def test_signed_requests_encrypted_assertions_scoping_and_both_certificates_act(server: Caller, tmp_path: Path) -> None:
    runtime = Runtime(server, server.installation.new_tenant(f"t{next(NUMBERS)}"))
    switches = {"sign_request": True, "encrypt_response": True, "include_scoping": True}
    context = {"class": [CONTEXT, "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"], "comparison": "minimum"}
    certificates = [rsa_key("idp").text, rsa_key("new").text]
    world = World(
        runtime, tmp_path, True, {**switches, "authn_context": context, "certificates": certificates}
    )  # fmt: skip
    for key in (rsa_key("idp"), rsa_key("new")):
        location = world.browser.authorize(world.app).headers["location"]
        request, state = world.idp.request(location)
        assert [one.text for one in request.requested_authn_context.authn_context_class_ref] == context["class"]
        assert (request.requested_authn_context.comparison, request.scoping.requester_id[0].text) == (
            "minimum", world.idp.audience,
        )  # fmt: skip
        assert "Signature=" in location
        plain = world.back(world.idp.changed(request.id, key=key), state)
        assert (plain.status, "encryptResponse" in plain.body) == (403, True)
        again, state = world.idp.request(world.pressed(plain).headers["location"])
        sealed = world.idp.changed(
            again.id, key=key, cipher="Aes256Gcm", certificate=world.encryption_certificate()
        )  # fmt: skip
        assert world.claims(world.back(sealed, state))["amr"] == ["saml"]


def test_beside_the_directory_it_is_a_button_with_the_name_that_the_tenant_has_given(world: World) -> None:
    world.configure(directory=True)
    page = world.browser.authorize(world.app)
    assert page.body.count('name="go" value="saml"') == 1
    assert "Corp" in page.body
    request_id, state = world.sent()
    assert world.back(world.idp.changed(request_id), state).sent_back["code"]
    world.configure(on=False)
    assert world.browser.authorize(world.app, idp="saml").sent_back["error"] == "access_denied"


def test_a_refused_response_says_why_and_the_person_may_try_again(world: World) -> None:
    request_id, state = world.sent()
    refused = world.back(world.idp.changed(request_id, of(".", Destination="https://other.example/")), state)
    assert (refused.status, "it must be sent to" in unescape(refused.body)) == (403, True)
    again, state = world.idp.request(world.pressed(refused).headers["location"])
    assert world.back(world.idp.changed(again.id), state).sent_back["code"]


def test_what_the_provider_says_in_place_of_a_person_is_told_to_the_application(world: World) -> None:
    request_id, state = world.sent()
    status = of(".//samlp:StatusCode", Value="urn:oasis:names:tc:SAML:2.0:status:Responder")
    told = world.back(world.idp.changed(request_id, status), state).sent_back
    assert (told["error"], "Responder" in told["error_description"], told["state"]) == ("access_denied", True, "s1")
    silent = world.browser.authorize(world.app, prompt="none").sent_back
    assert silent["error"] == "login_required"


def test_a_response_counts_once_in_the_browser_and_for_the_request_that_it_answers(world: World) -> None:
    request_id, state = world.sent()
    response, cookies = world.idp.changed(request_id), dict(world.browser.cookies)
    world.browser.cookies = {}
    assert world.back(response, state).status == 403, "another browser"
    world.browser.cookies = dict(cookies)
    assert world.back(response, state).sent_back["code"]
    world.browser.cookies = dict(cookies)
    assert world.back(response, state).status == 400, "the sign-in is over"
    _, other = world.sent()
    refused = world.back(response, other)
    assert (refused.status, "does not answer the request" in refused.body) == (403, True)


def test_a_transient_name_is_nobodys_id(world: World) -> None:
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    subjects = set()
    for name in ("_a1@x.example", "_b2@x.example"):
        request_id, state = world.sent()
        claims = world.claims(world.back(world.idp.changed(request_id, person=name, name_format=transient), state))
        assert (claims["identities"], claims["email"]) == ([{"provider": "saml", "id": PERSON}], PERSON)
        subjects.add(claims["sub"])
    assert len(subjects) == 1
    request_id, state = world.sent()
    nameless = world.idp.changed(request_id, person="_c3@x.example", name_format=transient, attributes={})
    assert (refused := world.back(nameless, state)).status == 403
    assert "transient" in refused.body


def test_a_sign_in_that_begins_at_the_provider_is_taken_where_that_is_allowed(world: World) -> None:
    assert world.arrives(world.idp.changed(None)).status == 403, "not allowed"
    world.configure(idp_init_enabled=True)
    assert "idpRedirectUrl" in world.arrives(world.idp.changed(None)).body
    assert world.arrives(world.idp.changed(None), "https://evil.example/").status == 403, "not one of the tenant's"
    assert world.arrives(world.idp.changed(None), HOME).headers["location"] == HOME
    world.browser.cookies = {}
    world.configure(idp_redirect_url="https://app.example.com/start")
    response = world.idp.changed(None)
    answer = world.arrives(response, "token")
    assert (answer.status, answer.headers["location"]) == (303, "https://app.example.com/start")
    replayed = world.arrives(response)
    assert (replayed.status, "was used before" in replayed.body) == (403, True)
    kept = dict(world.browser.cookies)
    claims = world.claims(world.browser.authorize(world.app, prompt="none"))
    assert (claims["amr"], claims["email"]) == (["saml"], PERSON)
    assert world.browser.authorize(world.app).headers["location"].startswith(SIGN_IN_URL), "once"
    world.browser.cookies = dict(kept)
    assert world.browser.authorize(world.app).status == 400, "nor from a copy"
    assert world.arrives(world.idp.changed(None)).status == 303
    world.made.clock.advance(121)
    assert world.browser.authorize(world.app).headers["location"].startswith(SIGN_IN_URL), "soon"


def test_what_is_no_response_is_refused_before_anything_else(world: World) -> None:
    assert world.arrives(b"<r/>").status == 403
    assert world.arrives(b"<r>" + b"<a/>" * 60_000 + b"</r>").status == 413
    assert world.arrives(b"<!DOCTYPE r><r/>").status == 403
    twice = httpbody_pb2.HttpBody(content_type=URLENCODED, data=b"SAMLResponse=PHIvPg==&SAMLResponse=PHIvPg==")
    request = saml_pb2.AcceptSamlResponseRequest(tenant_id=world.runtime.tenant_id, form=twice)
    stub = saml_pb2_grpc.SamlServiceStub(world.runtime.caller.channel)
    assert seen(stub.AcceptSamlResponse, request, {}, "/saml2").status == 400


def test_keys_of_the_tenant_change_without_a_common_moment(server: Caller, tmp_path: Path) -> None:
    """The metadata hold both certificates first; what is encrypted to the old one is read after the change, too."""
    tenant_id = server.installation.new_tenant(f"t{next(NUMBERS)}")
    world = World(Runtime(server, tenant_id), tmp_path, True, {"sign_request": True, "encrypt_response": True})
    old, before = world.encryption_certificate(), certificates(world)
    rotate_keys(world)
    assert set(before) < set(both := certificates(world))
    assert len(both) == 2 * len(before) == 4
    for _ in ("announced", "in use"):
        request, state = world.sent()
        response = world.idp.changed(request, cipher="Aes256Gcm", certificate=old)
        assert world.back(response, state).status == 303
        world.idp = IdentityProvider(world.metadata(), wants_signed=True)
        rotate_keys(world)
        assert world.sent(), "pysaml2 takes the signature by what the metadata have said"


def certificates(world: World) -> list[str]:
    return [str(found.text) for found in etree.fromstring(world.metadata()).iterfind(".//{*}X509Certificate")]


def rotate_keys(world: World) -> None:
    """What `ostiary key rotate-saml` does."""
    made, tenant_id = world.made.runtime, world.runtime.tenant_id
    now = world.made.clock.now_ms()
    fresh = [
        new_key(made.sealing, tenant_id, use, now, "next", NUMBERS.__next__()) for use in (SAML_SIGN, SAML_ENCRYPT)
    ]
    with made.store.write() as work:
        announce_or_rotate(work, fresh, now)
