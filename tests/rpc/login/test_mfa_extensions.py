"""Extensions of the second factor in a sign-in: what they are told, and what their answers are worth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kit.accounts.openid import AppIssuer
from kit.accounts.own_account import OwnAccount
from kit.callers import serving
from kit.second_factor import Factors
from kit.servers.installation import ENTROPY, install
from kit.servers.web import Serve, answering, site

from ostiary.mfa.settings import get_extension
from ostiary_api.appid.management.v4.mfa_pb2 import StoredMfaExtension

CLAIMS = {
    "correlation_id", "device_type", "source_ip", "headers", "client_id", "user_id", "username", "application_type",
    "first_name", "last_name", "last_successful_first_factor", "tenant_id", "extension", "iss", "iat", "exp", "jti",
}  # fmt: skip


@pytest.fixture(scope="module")
def factors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factors]:
    """A user of a tenant that asks for a second factor, and whose extensions may be on loopback."""
    folder = tmp_path_factory.mktemp("extensions")
    made = install(f"sqlite:///{folder}/ostiary.sqlite3", folder, outgoing_allow="127.0.0.1/32")
    with serving(made) as caller:
        found = Factors(AppIssuer(caller))
        found.require()
        yield found


def extend(factors: Factors, name: str, url: str, *, on: bool = True) -> None:
    stored = StoredMfaExtension(is_active=on, url=url, headers='{"authorization": "Bearer planted"}')
    runtime = factors.runtime
    with runtime.store.write() as work:
        get_extension(name).replace_sealed(
            work, runtime.sealing, ENTROPY, factors.issuer.tenant_id, stored, factors.now_ms
        )


def told(factors: Factors, request: Any) -> dict[str, Any]:
    return factors.issuer.verified(json.loads(request.body)["jws"])


def test_premfa_spares_the_factor_for_one_sign_in_and_its_token_says_so(factors: Factors) -> None:
    factors.made.clock.advance(60)
    factors.issuer.share()
    with site(answering(200, b'{"skipMfa": true}')) as made:
        extend(factors, "premfa", made.url)
        assert factors.claims(factors.asked())["amr"] == ["cloud_directory"]
        factors.issuer.web.headers = [("sec-ch-ua-mobile", "?1")]
        assert "code" in factors.issuer.authorize(scope="openid").sent_back, "it is asked again for a session"
        first, second = (told(factors, request) for request in made.received)
        assert made.received[0].headers["authorization"] == "Bearer planted"
    assert set(first) == CLAIMS
    user = factors.issuer.user
    assert (first["user_id"], first["username"], first["extension"]) == (user.id, user.name, "premfa")
    assert (first["device_type"], first["application_type"], second["device_type"]) == ("web", "serverapp", "mobile")
    assert "cookie" not in first["headers"]
    assert first["correlation_id"] != second["correlation_id"]
    factors.issuer.share(on=False)
    extend(factors, "premfa", "", on=False)
    assert not factors.messages()


@pytest.mark.parametrize(
    "answer",
    [
        answering(200, b'{"skipMfa": false}'), answering(200, b'{"skipMfa": "true"}'), answering(200, b"[true]"),
        answering(200, b'{"skipMfa": true}' + b" " * 10_001), answering(500, b'{"skipMfa": true}'),
        answering(302, location="http://127.0.0.2/"), answering(200, b""), None,
    ],
)  # fmt: skip
def test_whatever_else_premfa_answers_the_factor_is_required(factors: Factors, answer: Serve | None) -> None:
    factors.made.clock.advance(60)
    with site(answer or answering(200)) as made:
        extend(factors, "premfa", made.url if answer else "http://127.0.0.1:9/")
        page = factors.asked()
    assert (page.status, page.hidden["step"]) == (200, "mail_code")
    assert factors.give(page, factors.sent()).status == 303
    extend(factors, "premfa", "", on=False)


def test_postmfa_is_told_of_success_and_of_a_lock(factors: Factors) -> None:
    factors.made.clock.advance(60)
    with site(answering(500)) as made:
        extend(factors, "postmfa", made.url)
        page = factors.asked()
        assert factors.give(page, factors.sent()).status == 303
        page = factors.asked()
        wrong = f"{(int(factors.sent()) + 1) % 10**6:06}"
        for _ in range(6):
            page = factors.give(page, wrong)
        assert page.status == 429
        while factors.runtime.messages.delivery.send_due():
            pass
        said = sorted((told(factors, request) for request in made.received), key=lambda claims: claims["status"])
    assert [(each["status"], each.get("reason")) for each in said] == [
        ("failed", "user locked out - exceeded maximum number of verification attempts"), ("success", None)
    ]  # fmt: skip
    assert said[0]["last_successful_mfa"].endswith("Z")
    extend(factors, "postmfa", "", on=False)


def test_the_page_of_the_own_account_wants_a_factor_that_was_proved(factors: Factors) -> None:
    factors.made.clock.advance(60)
    account = OwnAccount(factors.issuer.caller)
    with site(answering(200, b'{"skipMfa": true}')) as made:
        extend(factors, "premfa", made.url)
        page = account.prove(account.open())
        assert page.hidden["step"] == "mail_code"
        assert account.follow(account.prove(page, code=factors.sent())).status == 200
        assert made.received == []
    extend(factors, "premfa", "", on=False)
