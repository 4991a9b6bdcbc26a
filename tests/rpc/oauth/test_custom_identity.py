"""Custom identity: assertions of a tenant become tokens of its users."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwk
from kit.accounts.custom import GRANT, OURS, STRANGERS, Custom, compact, public
from kit.audited import audited
from kit.callers import Caller
from kit.oauth import Refused, refused

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.directory.roles.application_roles import create_role, put_profile_roles
from ostiary.oauth.clients.clients import put_scopes
from ostiary_api.appid.management.v4 import runtime_activity_pb2 as activity_pb


def part_of(data: bytes) -> str:
    """A part of a compact JWS."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def custom(caller: Caller) -> Custom:
    return Custom(caller)


def test_an_assertion_becomes_tokens_of_a_profile_of_its_own(custom: Custom) -> None:
    said = {"name": "Ada", "email": "ada@hr.example", "locale": "fr", "picture": "https://p.example", "gender": "f"}
    answer = custom.exchange(custom.assertion(**said, department={"name": "R&D"}))
    assert set(answer) == {"access_token", "id_token", "token_type", "expires_in", "scope"}, "no refresh token"
    _, access = custom.verified(answer["access_token"])
    _, identity = custom.verified(answer["id_token"])
    assert access["amr"] == identity["amr"] == ["appid_custom"]
    assert access["scope"].split()[0] == "openid"
    assert identity == {**identity, **said, "identities": [{"provider": "appid_custom", "id": "emp-1"}]}
    assert not identity["email_verified"]
    seen = custom.userinfo(answer["access_token"])
    (known,) = seen["identities"]
    assert known["idpUserInfo"] == {**known["idpUserInfo"], **said, "department": {"name": "R&D"}}
    assert not {"iss", "aud", "exp"} & set(known["idpUserInfo"])
    again = custom.verified(custom.exchange(custom.assertion(name="Countess", email="ada@hr.example"))["id_token"])[1]
    assert (again["sub"], again["name"], again["locale"]) == (identity["sub"], "Countess", "fr")
    other = custom.verified(custom.exchange(custom.assertion(sub="emp-2"))["id_token"])[1]
    assert other["sub"] != identity["sub"]


def test_claims_of_the_assertion_can_be_mapped_into_tokens(custom: Custom) -> None:
    mapping = {"source": "appid_custom", "source_claim": "department.name", "destination_claim": "dept"}
    custom.settings(access_token_claims=[mapping])
    answer = custom.exchange(custom.assertion(department={"name": "R&D"}))
    assert custom.verified(answer["access_token"])[1]["dept"] == "R&D"


def test_the_assertion_and_roles_give_scopes_and_the_form_picks_among_them(custom: Custom) -> None:
    made = custom.made
    first = custom.verified(custom.exchange(custom.assertion())["id_token"])[1]
    with made.runtime.store.write() as work:
        put_scopes(work, custom.tenant_id, custom.app.id, ["read"])
        scopes = {custom.app.id: ["read"]}
        role = create_role(work, custom.tenant_id, "r", "", scopes, made.runtime.entropy, made.clock.now_ms())
        put_profile_roles(work, custom.tenant_id, first["sub"], [role.id])
    asserted = custom.assertion(scope="pay appid_admin openid_x read pay")

    def extra(**form: str) -> set[str]:
        return {name for name in custom.exchange(asserted, **form)["scope"].split() if not name.startswith("appid_")}

    assert extra() == {"openid", "read", "pay"}
    assert extra(scope="pay") == {"openid", "pay"}
    assert "appid_admin" not in custom.exchange(asserted)["scope"].split()
    for wider in ("admin", "pay admin", "appid_admin"):
        with refused("invalid_scope"):
            custom.exchange(asserted, scope=wider)


def test_custom_identity_that_is_off_or_has_another_key_accepts_nothing(custom: Custom) -> None:
    assertion = custom.assertion()
    custom.configure(is_active=False, key=OURS)
    with refused("invalid_grant"):
        custom.exchange(assertion)
    custom.configure(is_active=True, key=STRANGERS)
    with refused("invalid_grant"):
        custom.exchange(assertion)
    assert custom.exchange(custom.assertion(STRANGERS))["access_token"]


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "unknown"},
        {"jwk": jwk.RSAKey.import_key(STRANGERS).as_dict(private=False)},
        {"jku": "http://127.0.0.1:1/keys"},
        {"x5u": "http://127.0.0.1:1/cert"},
        {"x5c": ["AAAA"]},
    ],
)
def test_a_key_that_the_assertion_names_itself_is_not_used(custom: Custom, header: dict[str, Any]) -> None:
    with refused("invalid_grant"):
        custom.exchange(custom.assertion(STRANGERS, header))
    if "kid" not in header:  # ours signed it, and yet it brings a key along
        with refused("invalid_grant"):
            custom.exchange(custom.assertion(OURS, header))


def test_a_kid_and_any_typ_beside_the_right_signature_are_fine(custom: Custom) -> None:
    """The documentation's samples carry `typ: JOSE`, and signers put a kid of their own; there is one key anyway."""
    for header in ({"kid": "mine"}, {"typ": "JWT"}, {"typ": "JOSE"}):
        assert custom.exchange(custom.assertion(header=header))["access_token"]


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ({"alg": "RS384"}, OURS),
        ({"alg": "PS256"}, OURS),
        ({"alg": "ES256"}, ec.generate_private_key(ec.SECP256R1())),
    ],
)
def test_only_rs256_by_the_registered_key_counts(custom: Custom, header: dict[str, Any], key: Any) -> None:
    with refused("invalid_grant"):
        custom.exchange(compact({"typ": "JWT", **header}, custom.claims(), key))


def test_crit_none_hmac_by_the_public_key_and_a_broken_signature_are_refused(custom: Custom) -> None:
    head, payload, signature = custom.assertion().split(".")

    def part(document: Any) -> str:
        return part_of(json.dumps(document).encode())

    unsigned, confused = part({"alg": "none"}), f"{part({'alg': 'HS256'})}.{payload}"
    by_public_key = part_of(hmac.digest(public(OURS).encode(), confused.encode(), "sha256"))
    altered = part({**custom.claims(), "sub": "boss"})
    for assertion in (
        f"{confused}.{by_public_key}", f"{unsigned}.{payload}.",
        f"{unsigned}.{payload}.{signature}", f"{head}.{altered}.{signature}",
        f"{head}.{payload}", f"{head}.{payload}.", f"{head}.{payload}.{signature}.", f"{head}.{payload}.{signature}=",
        f"{part({'alg': 'RS256', 'crit': ['exp']})}.{payload}.{signature}", "x", "é.é.é",
        f"{head}.{part([])}.{signature}", f"{part([])}.{payload}.{signature}",
        f"{head}.{part_of(b'[' * 9_000)}.{signature}", "a." * 20_000,
    ):  # fmt: skip
        with refused("invalid_grant"):
            custom.exchange(assertion)


def test_the_audience_is_this_tenants_server(custom: Custom) -> None:
    server = custom.server
    for good in (server, [server], ["https://a.example", server], f"{server}/token"):
        assert custom.exchange(custom.assertion(aud=good))["access_token"]
    other = Custom(custom.caller, custom.made.new_tenant("other"))
    for bad in (
        None,
        "",
        [],
        "https://a.example",
        f"{server}/",
        server.upper(),
        other.server,
        {"x": server},
        [[server]],
        1,
    ):
        with refused("invalid_grant"):
            custom.exchange(custom.assertion(aud=bad))
    with refused("invalid_grant"):
        other.exchange(custom.assertion())
    with refused("invalid_client"):
        other.exchange(other.assertion(), app=custom.app)
    token = custom.exchange(custom.assertion())["access_token"]
    with refused("invalid_grant"):  # a token of ours is no assertion of theirs
        custom.exchange(token)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": float("nan")}, {"exp": float("inf")}, {"exp": 0},
        {"exp": [1]}, {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 257}, {"sub": "a\0b"}, {"sub": "\ud800"},
        {"iss": None}, {"iss": ""}, {"iss": 1}, {"name": 1}, {"email": ["a"]}, {"name": "a\0b"}, {"scope": ["a"]},
        {"other": "\ud800"}, {"other": float("nan")},
    ],
)  # fmt: skip
def test_claims_that_are_missing_or_of_the_wrong_kind_are_refused(custom: Custom, claims: dict[str, Any]) -> None:
    with refused("invalid_grant"):
        custom.exchange(custom.assertion(**claims))


def test_times_are_exact_to_a_minute_of_leeway(custom: Custom) -> None:
    now = custom.made.clock.now_ms() / 1000
    for good in ({"exp": now - 59}, {"nbf": now + 60}, {"iat": now + 60}, {"exp": now + 10**9}):
        assert custom.exchange(custom.assertion(**good))["access_token"], good
    for bad in ({"exp": now - 60}, {"exp": -1}, {"nbf": now + 61}, {"iat": now + 61}, {"iat": "x"}):
        with refused("invalid_grant"):
            custom.exchange(custom.assertion(**bad))


def test_the_client_proves_itself_as_in_every_grant(custom: Custom) -> None:
    form = {"grant_type": GRANT, "assertion": custom.assertion()}
    with refused("invalid_client"):
        custom.token(form)
    page = custom.application("page", "singlepageapp")
    with refused("unauthorized_client"):
        custom.token({**form, "client_id": page.id})
    with pytest.raises(Refused, match="assertion"):
        custom.token({"grant_type": GRANT}, custom.app.basic)


def test_the_sign_in_is_recorded_where_the_tenant_captures_it(custom: Custom) -> None:
    with custom.made.runtime.store.write() as work:
        CAPTURE_RUNTIME_ACTIVITY.replace(
            work, custom.tenant_id, activity_pb.RuntimeActivityConfig(is_active=True), custom.made.clock.now_ms()
        )
    answer = custom.exchange(custom.assertion())
    subject = custom.verified(answer["id_token"])[1]["sub"]
    rows = [row for row in audited(custom.made) if row.action == "appid.user.authenticate"]
    assert [(row.target_id, row.target_name) for row in rows] == [(subject, "appid_custom:")]


@pytest.mark.own_installation
def test_an_assertion_with_a_jti_acts_once_for_its_issuer_and_tenant(caller: Caller, custom: Custom) -> None:
    first = custom.assertion(jti="a1")
    custom.exchange(first)
    for again in (first, custom.assertion(jti="a1", sub="emp-2")):
        with refused("invalid_grant") as seen:
            custom.exchange(again)
        assert "used before" in seen.value.message
    custom.made.clock.advance(359)  # its lifetime and the leeway of its signer's clock
    with refused("invalid_grant"):
        custom.exchange(first)
    custom.exchange(custom.assertion(jti="a2"))
    custom.exchange(custom.assertion(jti="a1", iss="https://other.example"))
    other = Custom(caller, caller.installation.new_tenant("other"))
    other.exchange(other.assertion(jti="a1"))
    without = custom.assertion()
    for _ in range(2):
        assert custom.exchange(without)["access_token"]
    for odd in (7, ["a1"], {"a": 1}):
        with refused("invalid_grant"):
            custom.exchange(custom.assertion(jti=odd))


def test_standard_claims_of_the_assertion_are_carried(custom: Custom) -> None:
    said = {
        "email": "ada@hr.example", "email_verified": True, "given_name": "Ada", "family_name": "King",
        "preferred_username": "ada", "zoneinfo": "Europe/London", "phone_number": "+44 1", "address": {"country": "GB"},
    }  # fmt: skip
    answer = custom.exchange(custom.assertion(**said))
    for token in ("id_token", "access_token"):
        assert custom.verified(answer[token])[1]["email_verified"] is True
    identity = custom.verified(answer["id_token"])[1]
    names = ("given_name", "family_name", "preferred_username")
    assert {name: identity.get(name) for name in names} == {name: said[name] for name in names}
    seen = custom.userinfo(answer["access_token"])
    assert {name: seen.get(name) for name in said} == said


@pytest.mark.parametrize(
    "said", [{"email_verified": True}, {"email": "a@hr.example"}, {"email": "a@hr.example", "email_verified": "yes"}]
)
def test_an_address_is_verified_only_if_the_assertion_says_so_of_it(custom: Custom, said: dict[str, Any]) -> None:
    answer = custom.exchange(custom.assertion(**said))
    assert custom.verified(answer["id_token"])[1]["email_verified"] is False
    assert custom.userinfo(answer["access_token"])["email_verified"] is False


def test_a_claim_of_another_type_is_left_out_and_refuses_nobody(custom: Custom) -> None:
    odd = {"given_name": ["Ada"], "address": "London", "updated_at": "then", "family_name": None, "auth_time": "x"}
    answer = custom.exchange(custom.assertion(**odd))
    identity, seen = custom.verified(answer["id_token"])[1], custom.userinfo(answer["access_token"])
    for name in ("given_name", "address", "updated_at", "family_name"):
        assert name not in identity
        assert name not in seen
    assert identity["auth_time"] == custom.made.clock.now_ms() // 1000


def test_the_moment_of_the_sign_in_is_the_assertions_where_it_says_so(custom: Custom) -> None:
    now = custom.made.clock.now_ms() // 1000
    for said, shown in ((now - 90, now - 90), (now + 90, now), (-1, now), (True, now)):
        answer = custom.exchange(custom.assertion(auth_time=said))
        assert custom.verified(answer["id_token"])[1]["auth_time"] == shown


def test_an_assertion_with_a_claim_twice_is_refused(custom: Custom) -> None:
    claims = json.dumps(custom.claims())
    twice = f'{claims[:-1]}, "sub": "emp-2"}}'.encode()
    with refused("invalid_grant"):
        custom.exchange(compact({"alg": "RS256"}, twice, OURS))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "half a pair"])
def test_an_assertion_is_json_in_utf8(custom: Custom, encoding: str) -> None:
    claims = json.dumps(custom.claims(nickname="\ud800" if encoding == "half a pair" else "Ada"), ensure_ascii=False)
    data = claims.encode("utf-8", "surrogatepass") if encoding == "half a pair" else claims.encode(encoding)
    with refused("invalid_grant"):
        custom.exchange(compact({"alg": "RS256"}, data, OURS))
