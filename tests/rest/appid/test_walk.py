"""A walk through every operation of App ID management, by the documented facts, over REST and on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kit.cases import in_one_test
from kit.operations.preparations import NOBODY
from kit.operations.shapes import at_their_limits, broken, defaults, faults, lacks, with_each_value, with_strangers
from kit.operations.walk import OPERATIONS, ROLES, Walk, walking
from kit.patience import awaited

Json = Any
MARK = "stowaway-4711"
HOSTILE = ("\x00", "\ud800", 2**63)
"""What may stand in the place of any value."""
each = in_one_test("number", OPERATIONS)
one_database = pytest.mark.parametrize("walk", ["sqlite"], indirect=True, scope="module")
"""What is refused before the database is asked is refused alike on both."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def walk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    settings = {}
    if request.param == "postgresql":
        settings["database"] = request.getfixturevalue("postgres").new_database()
    with walking(tmp_path_factory.mktemp("walk"), **settings) as made:
        yield made


def those(name: str) -> list[str]:
    """The operations that have a fact of that name."""
    return [number for number, facts in OPERATIONS.items() if facts.get(name)]


def is_as_documented(number: str, answer: httpx.Response, status: int = 0) -> None:
    """It succeeded with a documented status, and its body has the shape that belongs to that."""
    gives = OPERATIONS[number]["gives"]
    assert answer.status_code in ([status] if status else map(int, gives)), answer.text
    shape = gives.get(str(answer.status_code))
    if answer.status_code == 204:
        assert answer.content == b""
    elif shape:
        assert faults(shape, answer.json()) == [], answer.text
        assert lacks(answer.json(), OPERATIONS[number].get("tells", {})) == []
    assert "no-store" in answer.headers["cache-control"]


def is_refusal(answer: httpx.Response, *statuses: int) -> None:
    """It was refused with a body that every known client can read."""
    assert answer.status_code in statuses, answer.text
    said = answer.json()
    assert all(isinstance(said[name], str) and said[name] for name in ("errorCode", "message"))


@each
def test_it_succeeds_as_documented_for_each_role_that_may(walk: Walk, number: str) -> None:
    roles = OPERATIONS[number]["roles"]
    for role in roles if walk.server.database.startswith("sqlite") else roles[:1]:  # who may is decided before both
        place, made = walk.ready(number, "home")
        is_as_documented(number, walk.ask(number, place, role, made=made))
        walk.succeeded.add(number)


@one_database
@each
def test_nobody_gets_in_without_a_token(walk: Walk, number: str) -> None:
    there = walk.place("home")
    for role in ("", "junk"):
        is_refusal(walk.send(number, there.tenant_id, there.headers(role)), 401)


@one_database
@each
def test_a_role_that_is_not_named_is_refused(walk: Walk, number: str) -> None:
    there = walk.place("home")
    for role in set(ROLES) - set(OPERATIONS[number]["roles"]):
        is_refusal(walk.send(number, there.tenant_id, there.headers(role)), 403)


@each
def test_the_tenant_of_others_is_as_unknown_as_one_that_is_not(walk: Walk, number: str) -> None:
    manager = walk.place("other").headers("manager")
    answers = [walk.send(number, tenant, manager) for tenant in (walk.place("home").tenant_id, NOBODY)]
    seen = [(answer.status_code, answer.content, sorted(set(answer.headers) - {"date"})) for answer in answers]
    assert seen[0] == seen[1]
    assert answers[0].status_code == 404


@each
def test_what_belongs_to_another_tenant_is_not_there(walk: Walk, number: str) -> None:
    facts = OPERATIONS[number]
    named = {part: facts[part] for part in ("at", "query", "body") if BOUND & set(names(facts.get(part)))}
    if named:
        foreign = walk.lasting(number if "alone" in facts else "other", number)
        answer = walk.ask(number, "home", **{part: foreign.filled(value) for part, value in named.items()})
        if "foreign" in facts:
            assert lacks(answer.json(), facts["foreign"]) == []
        else:
            is_refusal(answer, 400, 404)


BOUND = {
    "user", "profile", "profiled", "application", "role", "address", "verified", "reset", "pending", "begun",
    "exported", "imported",
}  # fmt: skip
"""What is named by an id of its tenant."""


def names(template: Json) -> Iterator[str]:
    """The names in braces."""
    if isinstance(template, dict):
        template = list(template.values())
    if isinstance(template, list):
        for part in template:
            yield from names(part)
    elif isinstance(template, str):
        yield template.strip("{}")


def documents(part: str, shape: str) -> Iterator[tuple[str, Json, Json]]:
    """Number, shape and example of each operation that has both."""
    for number, facts in OPERATIONS.items():
        if facts.get(shape) and isinstance(facts.get(part), dict):
            named = {"$ref": f"#/shapes/{facts[shape]}"}
            if part == "query":
                required = [name for name, one in facts[shape].items() if one.get("required")]
                named = {"properties": facts[shape], "required": required}
            yield number, named, facts[part]


LIMITS = [
    (number, {part: bad}, f"{number}: {claim}")
    for part, shape in (("body", "takes"), ("query", "params"))
    for number, named, right in documents(part, shape)
    for claim, bad in broken(named, right)
    if claim not in OPERATIONS[number].get("lenient", ())
    if not claim.startswith(tuple(OPERATIONS[number].get("partly", ())))
    if part == "body" or (isinstance(bad, dict) and all(isinstance(value, str | int) for value in bad.values()))
]
PARTLY = [
    (number, bad, f"{number}: {claim}")
    for number in those("partly")
    for claim, bad in broken({"$ref": f"#/shapes/{OPERATIONS[number]['takes']}"}, OPERATIONS[number]["body"])
    if claim not in OPERATIONS[number].get("lenient", ())
    if claim.startswith(tuple(OPERATIONS[number]["partly"]))
]
EDGES = [
    (number, {part: edge}, f"{number}: {claim}")
    for part, shape in (("body", "takes"), ("query", "params"))
    for number, named, right in documents(part, shape)
    for claim, edge in at_their_limits(named, right)
    if claim not in OPERATIONS[number].get("edges_refused", ())
]
REFUSED = [
    (number, refused, f"{number}: {refused['why']}")
    for number in those("refused")
    for refused in OPERATIONS[number]["refused"]
]
ALSO = [(number, other) for number in those("also") for other in OPERATIONS[number]["also"]]
AMONG = [
    (number, at, index)
    for number in those("among")
    for index, allowed in enumerate(OPERATIONS[number]["among"])
    if allowed
    for at in [OPERATIONS[number]["at"]]
]
MISSING = [number for number in those("at") if any("{" in value for value in OPERATIONS[number]["at"])]
SETTINGS = {
    number: reading
    for number, facts in OPERATIONS.items()
    for reading, other in OPERATIONS.items()
    if (facts["verb"], other["verb"]) == ("PUT", "GET") and facts["path"] == other["path"]
}


@one_database
@in_one_test("number, bad", LIMITS, lambda case: case[2])
def test_beyond_a_documented_limit_is_400(walk: Walk, number: str, bad: Json) -> None:
    is_refusal(walk.ask(number, "scratch", made=walk.lasting("scratch", number), **bad), 400)


@in_one_test("number, bad", PARTLY, lambda case: case[2])
def test_a_bad_one_among_many_fails_alone(walk: Walk, number: str, bad: Json) -> None:
    answer = walk.ask(number, "scratch", made=walk.lasting("scratch", number), body=bad)
    assert (answer.status_code, answer.json()["added"], answer.json()["failed"]) == (200, 0, 1), answer.text


@in_one_test("number, edge", EDGES, lambda case: case[2])
def test_at_a_documented_limit_it_succeeds(walk: Walk, number: str, edge: Json) -> None:
    place, made = walk.ready(number, "edges")
    is_as_documented(number, walk.ask(number, place, made=made, **edge))


@in_one_test("number, other", ALSO)
def test_other_documented_requests_succeed(walk: Walk, number: str, other: Json) -> None:
    place, made = walk.ready(number, "home")
    is_as_documented(number, walk.ask(number, place, made=made, **other), other.get("status", 0))


@in_one_test("number, refused", REFUSED, lambda case: case[2])
def test_what_is_documented_as_refused_is_refused(walk: Walk, number: str, refused: Json) -> None:
    is_refusal(walk.ask(number, "scratch", made=walk.lasting("scratch", number), **refused), refused["status"])


@one_database
@in_one_test("number, at, index", AMONG)
def test_a_path_takes_its_documented_words_only(walk: Walk, number: str, at: list[str], index: int) -> None:
    wrong = [*at[:index], "something_else", *at[index + 1 :]]
    is_refusal(walk.ask(number, "home", made=walk.lasting("home", number), at=wrong), 400, 404)


@in_one_test("number", MISSING)
def test_an_unknown_id_is_404(walk: Walk, number: str) -> None:
    is_refusal(walk.ask(number, "home", at=[NOBODY]), 404)


@in_one_test("number", those("form"))
def test_a_form_is_taken_as_json_is(walk: Walk, number: str) -> None:
    place, made = walk.ready(number, "home")
    is_as_documented(number, walk.ask(number, place, made=made, as_form=True))


@in_one_test("number", SETTINGS)
def test_what_is_put_is_read_back(walk: Walk, number: str) -> None:
    place, made = walk.ready(number, "home")
    sent = made.filled(OPERATIONS[number]["body"])
    is_as_documented(number, walk.ask(number, place, made=made, body=sent))
    unread = OPERATIONS[number].get("unread", ())
    wanted = {name: value for name, value in sent.items() if name not in unread}
    assert lacks(walk.ask(SETTINGS[number], place, made=made, at=OPERATIONS[number].get("at", ())).json(), wanted) == []


@in_one_test("number", sorted(set(SETTINGS.values())))
def test_a_new_tenant_has_the_documented_defaults(walk: Walk, number: str) -> None:
    shape = OPERATIONS[number]["gives"]["200"]
    if "at" not in OPERATIONS[number] and shape:
        found = list(defaults({"$ref": f"#/shapes/{shape}"}, walk.ask(number, "new").json()))
        assert [where for where, wanted, is_ in found if wanted != is_] == []


@in_one_test("number", [number for number, _, _ in documents("body", "takes")])
def test_unknown_members_are_ignored(walk: Walk, number: str) -> None:
    other = walk.place("other").tenant_id
    strangers = {"tenantId": other, "tenant_id": other, "id": NOBODY, "x": {"y": MARK}, MARK: MARK}
    named = {"$ref": f"#/shapes/{OPERATIONS[number]['takes']}"}
    body = with_strangers(named, OPERATIONS[number]["body"], strangers)
    place, made = walk.ready(number, "home")
    answer = walk.ask(number, place, made=made, body=body)
    is_as_documented(number, answer)
    assert MARK not in answer.text


# PostgreSQL refuses what SQLite stores: zero bytes, halves of characters, numbers of more than 64 bits.
@pytest.mark.parametrize("walk", ["postgresql"], indirect=True, scope="module")
@in_one_test("number", [number for number, _, _ in documents("body", "takes")])
def test_no_value_makes_it_fail(walk: Walk, number: str) -> None:
    made = walk.lasting("scratch", number)
    for value in HOSTILE:
        for body in with_each_value(OPERATIONS[number]["body"], value):
            answer = walk.ask(number, "scratch", made=made, content=json.dumps(made.filled(body)))
            assert answer.status_code != 500, f"{body}: {answer.text}"


def test_no_unknown_member_reached_the_database(walk: Walk) -> None:
    known = walk.preparations("home").address
    assert walk.rows_with(known), "it looks where users are"
    assert walk.rows_with(MARK) == []


def test_what_succeeded_is_in_the_audit_ledger_under_its_documented_name(walk: Walk) -> None:
    wanted = {
        action.format(name=OPERATIONS[number].get("at", [""])[0])
        for number in walk.succeeded
        if (action := OPERATIONS[number]["audit"])
    }
    awaited(lambda: wanted <= walk.actions(), every=0.2)
