"""Bodies of JSON as editors, scripts and attackers write them: what the transcoder gets to read, and what not."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kit.servers.served import Served, served
from rest.edge import SETTINGS, Edge, seen

JSON = {"content-type": "application/json"}


def put(edge: Edge, body: bytes | str | Iterator[bytes]) -> httpx.Response:
    content: Any = body.encode() if isinstance(body, str) else body
    return edge.http.put(SETTINGS, content=content, headers=JSON)


def settings(answer: httpx.Response) -> Any:
    """What a worker got."""
    assert answer.status_code == 200, answer.text
    return seen(answer)["request"].get("settings", {})


# A byte order mark (RFC 8259 §8.1), other encodings


@pytest.mark.parametrize("body", ['{"name": "né"}', '{"list": ["\ufeff"], "name": "né"}'])
def test_a_byte_order_mark_in_front_is_ignored(edge: Edge, body: str) -> None:
    assert settings(put(edge, body.encode("utf-8-sig"))) == json.loads(body)


def test_a_byte_order_mark_is_ignored_however_the_body_is_cut(edge: Edge) -> None:
    body = codecs.BOM_UTF8 + b'{"name": "a"}'
    assert settings(put(edge, (body[n : n + 1] for n in range(len(body))))) == {"name": "a"}
    long = json.dumps({"name": "a" * 900_000}).encode("utf-8-sig")
    assert len(settings(put(edge, long))["name"]) == 900_000


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32"])
def test_another_encoding_is_a_refusal_that_names_utf_8(edge: Edge, encoding: str) -> None:
    answer = put(edge, '{"name": "né"}'.encode(encoding))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "MALFORMED_REQUEST")
    assert "UTF-8" in answer.json()["message"]


# Names twice (RFC 7493 §2.3): two readers would see two different objects


TWICE = [
    '{"name": "a", "name": "b"}',
    r'{"name": "a", "n\u0061me": "b"}',
    '{"name" : "a" , "name"\n: "b"}',
    '{"list": ["1"], "list": ["2"]}',
    '{"inner": {"deepCount": 1}, "inner": {"deepCount": 2}}',
    '{"inner": {"deepCount": 1, "deepCount": 2}}',
    '{"seen": {"x": [{"y": 1}, {"y": 1, "y": 2}]}}',
    '{"unknown": {"a": 1, "a": 2}, "name": "a"}',
    '{"shown": true, "shown": false}',
    r'{"a\"": 1, "name": "b", "a\"": 2}',
    r'{"name": "a", "n\ame": "b"}',
    r'{"seen": {"é": 1, "\u00e9": 2}}',
    r'{"seen": {"\t": 1, "\u0009": 2}}',
    "{'name': 'a', \"name\": 'b'}",
    "{name: 'a', name: 'b',}",
    '{"name": "a", "list": [' + '"name", ' * 100_000 + '""], "name": "b"}',
]


@pytest.mark.parametrize("body", TWICE, ids=range(len(TWICE)))
def test_a_name_twice_in_an_object_is_refused_and_no_worker_is_asked(edge: Edge, body: str) -> None:
    before = len(edge.servers[0].calls)
    answer = put(edge, body)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "MALFORMED_REQUEST")
    assert answer.json()["message"] == "The body has an object with the same name twice."
    assert len(edge.servers[0].calls) == before


@pytest.mark.parametrize(
    "body",
    [
        '{"seen": {"x": 1, "y": {"x": 2}, "z": [{"x": 3}, {"x": 4}]}}',
        '{"name": "name", "list": ["name", "name"]}',
        r'{"name": "\"name\": 1, \"name\": 2", "list": ["a\\", "\\\"", "name\":"]}',
        '{"name": "{", "list": ["[[[", "}}", "", ":"]}',
        r'{"seen": {"\\u0061": 1, "a": 2, "u0061": 3, "\\a": 4, "\n": 5, "n": 6}}',
    ],
)
def test_the_same_name_in_other_objects_and_in_texts_is_fine(edge: Edge, body: str) -> None:
    assert settings(put(edge, body)) == json.loads(body)


# What the transcoder takes although it is no JSON is examined like all else


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("{'name': 'a\"b', list: ['it\\'s',],}", {"name": 'a"b', "list": ["it's"]}),
        ("{name:'a',count:1,shown:true,inner:{deep_count:2}}",
         {"name": "a", "count": 1, "shown": True, "inner": {"deepCount": 2}}),
        ("{'': 1, 'name': 'a'}", {"name": "a"}),
        ('{"name"\t:\r\n\n\n  "a" \f\v\n\n }\n', {"name": "a"}),
    ],
)  # fmt: skip
def test_single_quotes_names_without_quotes_and_a_comma_too_many_are_taken(edge: Edge, body: str, read: Any) -> None:
    assert settings(put(edge, body)) == read


# Shapes: the transcoder takes one value for a list of one, among other things, so a worker is told


WRONG = [
    ('{"list": "a"}', "list must be a list."),
    ('{"list": 1}', "list must be a list."),
    ('{"list": {}}', "list must be a list."),
    ("{list: 'a'}", "list must be a list."),
    (r'{"l\u0069st": "a"}', "list must be a list."),
    (r'{"l\ist": "a"}', "list must be a list."),
    ('{"list": ["a", ["b"]]}', "list[1] must be a text."),
    ('{"list": ["a", "b", {}]}', "list[2] must be a text."),
    ('{"list": [null]}', "list[0] must be a text."),
    ('{"name": ["a"]}', "name must be a text."),
    ('{"count": {}}', "count must be a whole number."),
    ('{"shown": [true]}', "shown must be true or false."),
    ('{"inner": [{"deepCount": 1}]}', "inner must be an object."),
    ('{"inner": {"deep_count": [1]}}', "inner.deepCount must be a whole number."),
    ('{"seen": []}', "seen must be an object."),
    ('{"list": "a", "name": broken', "list must be a list."),
    ('{"name": "' + "a" * 900_000 + '", "list": "a"}', "list must be a list."),
    ('{"list": [' + '"a",' * 200_000 + '["b"]]}', "list[200000] must be a text."),
]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("body", "fault"), WRONG, ids=range(len(WRONG)))
def test_a_worker_hears_which_value_has_the_wrong_shape_and_none_of_the_body(
    edge: Edge, body: str, fault: str, chunked: bool
) -> None:
    half = len(body) // 2
    answer = put(edge, iter([body[:half].encode(), body[half:].encode()]) if chunked else body)
    assert seen(answer)["metadata"]["x-local-misshapen"] == fault
    assert seen(answer)["request"] == {"tenantId": "t1", "settings": {}}


@pytest.mark.parametrize(
    "body",
    [
        {"list": [], "seen": {"list": "a", "x": [[], {}, None, [["a"]]]}},
        {"list": None, "name": None, "inner": None, "seen": None, "count": None},
        {"unknown": {"list": "a", "inner": [None]}, "list": ["a"]},
        {"inner": {}, "list": ["[", "{"], "name": "["},
    ],
)
def test_free_json_what_no_field_has_and_null_in_place_of_a_field_have_any_shape(edge: Edge, body: Any) -> None:
    answer = put(edge, json.dumps(body))
    assert "x-local-misshapen" not in seen(answer)["metadata"]
    kept = {name: value for name, value in body.items() if value not in (None, []) and name != "unknown"}
    assert settings(answer) == kept


def test_nobody_but_the_gateway_says_that_a_shape_is_wrong(edge: Edge) -> None:
    answer = edge.http.put(SETTINGS, json={"name": "a"}, headers={"x-local-misshapen": "list must be a list."})
    assert "x-local-misshapen" not in seen(answer)["metadata"]


# Members that no field has


@pytest.mark.parametrize(
    "body",
    [
        '{"": 1, "name": "a"}',
        '{"name": "a", "": []}',
        '{"name": "a", "" \n: {"": {"": ""}}}',
        '{"name": "a", "unknown": {"": 1, "x": [{"": 2}]}}',
        '{"name": "a", "-": 1, "": 2}',
        '{"unknown": "' + "a" * 900_000 + '", "": 1, "name": "a"}',
    ],
)
def test_a_member_without_a_name_is_ignored_like_others_that_no_field_has(edge: Edge, body: str) -> None:
    assert settings(put(edge, body)) == {"name": "a"}


def test_a_member_without_a_name_is_ignored_in_a_message_within_another(edge: Edge) -> None:
    assert settings(put(edge, '{"inner": {"": 1, "deepCount": 2}}')) == {"inner": {"deepCount": 2}}


def test_a_member_without_a_name_in_free_json_is_kept(edge: Edge) -> None:
    body = {"seen": {"": 1, "x": {"": "", "y": [{"": None}]}}}
    assert settings(put(edge, json.dumps(body))) == body


# What is no JSON, or no text


@pytest.mark.parametrize(
    "body",
    [
        "{", '{"name": "a', '{"name": "a"} x', '{"name": "a"}{"name": "b"}', "[]", '"a"', "}}}", '"', "\\",
        '{"name": "\\',         r'{"name": "\ud800"}', r'{"name": "\udc00x"}', r'{"\ud800": 1}',
        '{"count": NaN}', '{"count": Infinity}',
        '{"count": 1e400}', '{"seen": {"x": -1e400}}', '{"seen": {"x": ' + "9" * 400 + "}}",
    ],
)  # fmt: skip
def test_what_is_no_json_or_no_text_is_400(edge: Edge, body: str) -> None:
    answer = put(edge, body)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("levels", [20, 200, 15_000])
def test_json_of_any_depth_is_answered(edge: Edge, levels: int) -> None:
    answer = put(edge, '{"seen": ' + '{"a":' * levels + "1" + "}" * (levels + 1))
    assert answer.status_code == (200 if levels == 20 else 400), answer.text


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(1 << 20, 200), ((1 << 20) + 1, 413)])
def test_the_limit_of_a_body_of_json_is_exact(edge: Edge, size: int, status: int, chunked: bool) -> None:
    body = b'{"name": "' + b"a" * (size - 12) + b'"}'
    assert len(body) == size
    assert put(edge, iter([body[:70_000], body[70_000:]]) if chunked else body).status_code == status


# Through the whole server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("json"), workers=1) as running:
        yield running


def test_the_management_api_takes_a_mark_and_ignores_what_has_no_name(server: Served) -> None:
    path = f"/management/v4/{server.credentials['tenantId']}/config/ui/theme_color"
    headers = server.manager() | JSON
    for body in ('\ufeff{"headerColor": "#494Ea2"}', '{"":[],"headerColor":"#494Ea3"}'):
        assert server.http.put(path, content=body.encode(), headers=headers).status_code < 300
    assert server.http.get(path, headers=headers).json()["headerColor"] == "#494Ea3"
    twice = server.http.put(path, content=b'{"headerColor":"#000000","headerColor":"#111111"}', headers=headers)
    assert (twice.status_code, twice.json()["errorCode"]) == (400, "MALFORMED_REQUEST")


def test_bodies_that_a_worker_reads_take_a_mark_too(server: Served) -> None:
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "marked",
        "emails": [{"value": "marked@example.com"}],
    }
    scim = server.manager() | {"content-type": "application/scim+json"}
    answer = server.http.post("/scim/v2/Users", content=json.dumps(user).encode("utf-8-sig"), headers=scim)
    assert answer.status_code == 201, answer.text
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": server.credentials["apikey"]}
    token = server.http.post("/identity/token", content=json.dumps(form).encode("utf-8-sig"), headers=JSON)
    assert token.status_code == 200, token.text
