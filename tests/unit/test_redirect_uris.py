"""What may be registered as a redirect URI, and what matches one."""

from __future__ import annotations

import time

import pytest
from google.protobuf import json_format

from ostiary.errors import DomainError
from ostiary.oauth.clients.redirect_uris import MAX_LENGTH, MAX_URIS, check_redirect_uris, redirect_uri_allowed
from ostiary_api.appid.management.v4 import redirect_uris_pb2 as pb

EXACT = "https://foo.example.com/cb"
FOLDER = "https://foo.example.com/app/*"
LOOPBACK = "http://127.0.0.1:8000/cb"


@pytest.mark.parametrize(
    ("uri", "registered"),
    [
        (EXACT, EXACT),
        (f"{EXACT}?state=1&next=https://elsewhere.example", EXACT),
        (EXACT, f"{EXACT}?registered=with-a-query"),
        ("https://foo.example.com/app/", FOLDER),
        ("https://foo.example.com/app/a/b.html?c=../d", FOLDER),
        ("https://foo.example.com/app/..well-named", FOLDER),
        ("https://foo.example.com/callback-2", "https://foo.example.com/call*"),
        ("http://localhost:3000", "http://localhost:3000/"),
        ("http://localhost:3000", "http://localhost:3000/*"),
        ("http://localhost:3000/", "http://localhost:3000"),
        (LOOPBACK, LOOPBACK),
        ("http://127.0.0.1/cb", LOOPBACK),
        ("http://[::1]/cb?a=b", "http://[::1]:8000/cb"),
        (LOOPBACK, "http://127.0.0.1/cb"),
        ("http://127.0.0.1:1/a/b", "http://127.0.0.1:8000/a/*"),
        ("com.example.app:/callback", "com.example.app:/callback"),
        ("myapp://signed-in/again", "myapp://signed-in/*"),
        ("https://[2001:db8::1]:8443/cb", "https://[2001:db8::1]:8443/cb"),
    ],
)
def test_what_was_registered_matches(uri: str, registered: str) -> None:
    assert redirect_uri_allowed(uri, ["https://other.example/x", registered])


@pytest.mark.parametrize(
    "uri",
    [
        "https://foo.example.com.evil.tld/cb",
        "https://foo.example.com@evil.tld/cb",
        "http://127.0.0.1:80@evil/cb",
        "http://127.0.0.1:8000@evil/cb",
        "http://127.0.0.1:80001/cb",
        "https://foo.example.com/cb/../x",
        "https://foo.example.com/cb%2f..",
        "https://foo.example.com./cb",
        "https://FOO.example.com/cb",
        "https://foo.example.com/CB",
        "https://foo.example.com/cb/",
        "https://foo.example.com/cb/more",
        "https://foo.example.com:443/cb",
        "http://foo.example.com/cb",
        "https://foo.example.com/cb#fragment",
        "https://foo.example.com/cb?a=1#fragment",
        "https://fooaexample.com/cb",
        "https://foo.example.com\\@evil.tld/cb",
        "https://foo.example.com/cb\n",
        "https://foo.example.com/cb\x00",
        "//foo.example.com/cb",
        "/cb",
        "",
        "javascript:alert(1)",
        "https://foo.example.com/app",
        "https://foo.example.com/app/../cb",
        "https://foo.example.com/app/..",
        "https://foo.example.com/app/./x",
        "https://foo.example.com/app/a/..;/x",
        "https://foo.example.com/app/%2e%2e/x",
        "https://foo.example.com/app/.%2E/x",
        "https://foo.example.com/app/%252e%252e/x",
        "https://foo.example.com/app/..%2fx",
        "https://foo.example.com/app/..%252Fx",
        "https://foo.example.com/app/..%5cx",
        "https://foo.example.com/app//evil.tld",
        "https://foo.example.com/app/\\evil.tld",
        "https://foo.example.com/app/ü",
        f"{EXACT}?{'a' * MAX_LENGTH}",
    ],
)
def test_nothing_else_matches(uri: str) -> None:
    assert not redirect_uri_allowed(uri, [EXACT, FOLDER, LOOPBACK])


def test_the_dot_of_a_host_is_no_wildcard() -> None:
    assert not redirect_uri_allowed("https://fooaexample.com/cb", [EXACT])
    assert not redirect_uri_allowed("https://foo.example.com/cbb", ["https://foo.example.com/cb?"])


def test_without_registered_uris_none_is_allowed() -> None:
    assert not redirect_uri_allowed(EXACT, [])


def test_matching_takes_time_in_the_length_of_the_uri() -> None:
    started = time.perf_counter()
    for piece in ("../", "%2e", "%25", "/", ".", "a"):
        uri = f"https://foo.example.com/app/{piece * MAX_LENGTH}"[:MAX_LENGTH]
        for _ in range(50):
            redirect_uri_allowed(uri, [FOLDER] * 10)
    assert time.perf_counter() - started < 3.0


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/oauth-callback",
        "https://example.com",
        "http://intranet.example/cb",
        "http://localhost:3000/*",
        "https://example.com/a/b*",
        "https://example.com/cb?tenant=1",
        "com.example.app:/callback",
        "appid.com.example.app://mobilecallback",
        "exp://127.0.0.1:19000/--/cb",
    ],
)
def test_documented_forms_can_be_registered(uri: str) -> None:
    assert not refused(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,x",
        "vbscript:msgbox",
        "blob:https://example.com/1",
        "file:///etc/passwd",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "/callback",
        "//example.com/cb",
        "example.com/cb",
        "callback",
        "",
        "*",
        "https://*",
        "https://example.com*",
        "https://*.example.com/cb",
        "https://example.com/*/cb",
        "https://example.com/**",
        "https://example.com/cb?x=*",
        "https://example.com/cb#top",
        "https://user:secret@example.com/cb",
        "https://user@example.com/cb",
        "https:///cb",
        "https:cb",
        "https://example.com:99999/cb",
        "https://[::1/cb",
        "https://example.com/a/../b",
        "https://example.com/a/%2e%2e/b",
        "https://example.com//b",
        "https://example.com/c b",
        "https://exämple.com/cb",
        "https://example.com/" + "a" * MAX_LENGTH,
        "myapp:*",
        "myapp://*",
        "mailto:someone@example.com",
    ],
)
def test_what_is_dangerous_or_no_uri_cannot_be_registered(uri: str) -> None:
    assert refused(uri) == "INVALID_REDIRECT_URI"


def config_of(*uris: str) -> pb.RedirectUrisConfig:
    """A document with these URIs."""
    return json_format.ParseDict({"redirectUris": list(uris)}, pb.RedirectUrisConfig())


def test_the_message_names_the_entry() -> None:
    with pytest.raises(DomainError) as error:
        check_redirect_uris(config_of(EXACT, "data:,x"))
    assert error.value.message == "redirectUris[1] must not use the scheme data."


def test_the_list_has_an_end() -> None:
    check_redirect_uris(config_of(*[EXACT] * MAX_URIS))
    with pytest.raises(DomainError) as error:
        check_redirect_uris(config_of(*[EXACT] * (MAX_URIS + 1)))
    assert error.value.reason == "TOO_MANY_REDIRECT_URIS"


def refused(uri: str) -> str:
    try:
        check_redirect_uris(config_of(uri))
    except DomainError as error:
        return error.reason
    return ""
