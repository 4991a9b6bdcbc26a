"""Links in mails: opening one changes nothing, its form acts once."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest
from kit.accounts.directory import NOT_FOUND, person
from kit.browser import Seen
from kit.callers import Caller, refusal
from kit.oauth import PASSWORD, URLENCODED, refused
from kit.servers.recovering import THANKS, Recovering, pending
from sqlalchemy import select

from ostiary.directory.tenants.tenants import set_tenant_state
from ostiary.store.tables import OneTimeCode, table_of

DENIED, GONE = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
def people(shared_caller: Caller) -> Recovering:
    return Recovering(shared_caller)


@pytest.fixture
def timed(caller: Caller) -> Recovering:
    """People whose clock may be moved."""
    return Recovering(caller)


def context_of(seen: Seen) -> str:
    return seen.sent_back["context"]


def test_opening_a_verification_link_changes_nothing_and_its_form_confirms_once(people: Recovering) -> None:
    uuid, code = pending(people), people.code()
    for _ in range(3):
        page = people.open(code)
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "jane@example.com" in page.body
    assert people.status(uuid) == "PENDING"
    done = people.submit(code)
    assert done.status == 200
    assert "Thank you" in done.body
    assert people.status(uuid) == "CONFIRMED"
    for again in (people.open(code), people.submit(code)):
        assert (again.status, "used already" in again.body) == (410, True)
    assert people.can_sign_in(people.oauth.application(), PASSWORD)


def test_the_pages_run_nothing_are_framed_by_nobody_and_tell_nobody_their_address(people: Recovering) -> None:
    people.set_up(pages=True)
    pending(people)
    page = people.open(people.code())
    policy = page.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not [part for part in policy if part.startswith("form-action")], "Chromium holds each later redirect to it"
    assert not re.search(r"<script|javascript:|\bon\w+=", page.body)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


def test_a_form_that_ends_with_us_may_be_sent_to_nobody_else(people: Recovering) -> None:
    pending(people)
    code = people.code()
    assert "form-action 'self'" in people.open(code).headers["content-security-policy"]
    assert "form-action 'none'" in people.submit(code).headers["content-security-policy"]


def test_what_users_call_themselves_is_text_on_the_page(people: Recovering) -> None:
    people.sign_up(person('"><script>x</script>@example.com'))
    assert "<script" not in people.open(people.code()).body


def test_a_tenants_own_page_learns_by_context_how_it_ended_once(people: Recovering) -> None:
    people.set_up(pages=True)
    uuid, code = pending(people), people.code()
    assert "Confirm" in people.open(code).body
    seen = people.submit(code, language="de-CH")
    assert seen.headers["location"].startswith(f"{THANKS}&context=")
    assert parse_qs(urlsplit(seen.headers["location"]).query)["language"] == ["de-CH"]
    assert people.status(uuid) == "CONFIRMED"
    context = context_of(seen)
    other = Recovering(people.caller)
    for stranger in (partial(other.result, context), partial(people.result, context, "ForgotPassword")):
        assert refusal(stranger) == (NOT_FOUND, "CONTEXT_NOT_FOUND")
    assert people.self_service("GetSignUpConfirmationResult", {"context": context}, URLENCODED) == {
        "success": True, "uuid": uuid
    }  # fmt: skip
    assert refusal(partial(people.result, context)) == (NOT_FOUND, "CONTEXT_NOT_FOUND")


def test_a_link_that_is_dead_is_told_to_the_tenants_own_page_and_leaves_one_row(people: Recovering) -> None:
    people.set_up(pages=True)
    pending(people)
    code = people.code()
    good = context_of(people.submit(code))
    assert "cannot be used" in people.open(code).body
    contexts = [context_of(people.submit(code)) for _ in range(3)]
    assert people.result(good) == {"success": True}
    for lost in contexts[:2]:
        assert refusal(partial(people.result, lost)) == (NOT_FOUND, "CONTEXT_NOT_FOUND")
    assert people.result(contexts[2]) == {
        "success": False, "error": {"code": "GONE", "description": "link used already"}
    }  # fmt: skip


@pytest.mark.parametrize("pages", [False, True])
def test_a_link_expires_at_its_second(timed: Recovering, pages: bool) -> None:
    timed.set_up(pages=pages, link_seconds=900)
    first, second = str(timed.sign_up(person("jane@example.com"))["id"]), timed.sign_up(person("joe@example.com"))["id"]
    code, other = timed.codes("USER_VERIFICATION")
    timed.made.clock.advance(899)
    timed.submit(code)
    assert {timed.status(first), timed.status(second)} == {"CONFIRMED", "PENDING"}
    timed.made.clock.advance(1)
    late = timed.submit(other)
    if pages:
        assert timed.result(context_of(late)) == {
            "success": False, "error": {"code": "NOT_FOUND", "description": "link expired"}
        }  # fmt: skip
    else:
        assert (late.status, "expired" in late.body) == (410, True)
    assert {timed.status(first), timed.status(second)} == {"CONFIRMED", "PENDING"}


def test_a_result_that_nobody_asked_for_in_time_is_a_failure(timed: Recovering) -> None:
    timed.set_up(pages=True)
    pending(timed)
    context = context_of(timed.submit(timed.code()))
    timed.made.clock.advance(3_599)
    with timed.made.runtime.store.read() as work:
        assert work.row(select(table_of(OneTimeCode)).where(table_of(OneTimeCode).c.kind.like("%RESULT"))) is not None
    timed.made.clock.advance(1)
    fresh = Recovering.__new__(Recovering)
    fresh.__dict__.update(timed.__dict__)
    key = timed.made.new_api_key(timed.tenant_id, "writer")
    fresh.credentials = {"metadata": (("authorization", f"Bearer {timed.caller.token(key)}"),), "timeout": 20}
    assert fresh.result(context)["success"] is False


@pytest.mark.parametrize("code", ["", "x", "\0", "é", "a/b", "x" * 5_000])
def test_an_unknown_code_is_not_found_as_json_and_as_a_page(people: Recovering, code: str) -> None:
    for seen in (people.open(code), people.submit(code)):
        assert (seen.status, '"errorCode":"LINK_NOT_FOUND"' in seen.body) == (404, True)
    page = people.open(code, accept="text/html,*/*;q=0.8")
    assert (page.status, page.body.startswith("<!doctype html>")) == (404, True)


def test_codes_open_to_their_own_kind_only(people: Recovering) -> None:
    people.set_up(pages=True)
    pending(people)
    verification = people.code()
    assert refusal(partial(people.result, verification)) == (NOT_FOUND, "CONTEXT_NOT_FOUND")
    context = context_of(people.submit(verification))
    assert people.open(context).status == people.submit(context).status == 404
    application = people.oauth.application()
    for stolen in (verification, context):
        with refused("invalid_grant"):
            people.oauth.token(
                {"grant_type": "authorization_code", "code": stolen, "redirect_uri": THANKS}, application.basic
            )
        with refused("invalid_grant"):
            people.oauth.token({"grant_type": "refresh_token", "refresh_token": stolen}, application.basic)


def test_nothing_opens_at_a_disabled_tenant_and_nothing_for_a_deleted_user(people: Recovering) -> None:
    uuid, code = pending(people), people.code()
    with people.made.runtime.store.write() as work:
        set_tenant_state(work, people.tenant_id, "disabled", 1)
    assert people.open(code).status == people.submit(code).status == 404
    with people.made.runtime.store.write() as work:
        set_tenant_state(work, people.tenant_id, "enabled", 1)
    assert people.open(code).status == 200
    people.users("DeleteCloudDirectoryUser", userId=uuid)
    assert people.open(code).status == people.submit(code).status == 404
