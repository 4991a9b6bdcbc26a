"""REST client of App ID's management API v4, for one tenant of a server."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from ostiary import __version__

Json = dict[str, Any]
IBM_HOSTS = ".appid.cloud.ibm.com"
IBM_IAM = "https://iam.cloud.ibm.com/identity/token"
API_KEY_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
PAGE = 50
"""Users of one page: what exports give and imports take."""
ATTEMPTS, FIRST_ATTEMPTS = 8, 2
"""The timeouts of a request; short until the server has answered once, since it may not be there at all."""
LONGEST_PAUSE_S = 120.0
MAX_PICTURE = 1_000_000
_BUSY = frozenset({429, 503})
"""The server did not do it: everything may be sent again."""
_BROKEN = frozenset({502, 504})
"""Errors after which it is not known whether the request was executed: only requests that may be repeated are sent
again."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
_TENANT_URL = re.compile(r"(https?://[^/?#@]+)/management/v4/([0-9A-Za-z-]{1,64})/?")


class ApiError(Exception):
    """The server refused, or cannot be reached (status 0). `code` is its own word for the reason."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class AddressError(Exception):
    """A URL is none of a tenant, or would send API keys in the open."""


class ManagementApi:
    """A tenant, used with one of its API keys. Waits when the server asks for it (Retry-After), and renews its token.

    Certificates are verified against the machine's trust store; plain http is for loopback only.
    """

    def __init__(
        self, url: str, api_key: str, iam_url: str = "", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Raises AddressError with what would be right when `url` is not a tenant's."""
        found = _TENANT_URL.fullmatch(url)
        if found is None:
            raise AddressError(f"{url!r} must be the managementUrl of a tenant: https://HOST/management/v4/TENANT")
        self.origin, self.tenant_id = found[1], found[2]
        self.url = f"{self.origin}/management/v4/{self.tenant_id}"
        self._iam_url = iam_url or default_iam_url(self.origin)
        for each in (self.url, self._iam_url):
            _refuse_plain(each)
        self._api_key = api_key
        self._token = ""
        self._attempts = FIRST_ATTEMPTS
        self._sleep = sleep
        self._client = httpx.Client(
            verify=ssl.create_default_context(), timeout=httpx.Timeout(60, connect=10),
            headers={"accept": "application/json", "user-agent": f"ostiary/{__version__}"},
        )  # fmt: skip

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    def get(self, path: str, **query: str | int) -> Json | None:
        """The document at `path` below the tenant; None where there is none (404)."""
        answer = self._asked("GET", path, params=query)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _document(_good(answer))

    def send(self, verb: str, path: str, document: Json, **query: str | int) -> Json:
        """Writes a document; what the server answers."""
        return _document(_good(self._asked(verb, path, json=document, params=query)))

    def upload(self, path: str, picture: bytes, **query: str) -> None:
        """Sends a picture as the part `file` of a form."""
        _good(self._asked("POST", path, files={"file": ("logo", picture)}, params=query))

    def picture(self, url: str) -> bytes:
        """An open picture that a document names. Raises ApiError when it is not there or beyond 1 MB."""
        with self._client.stream("GET", url, headers={"accept": "image/*"}) as answer:
            if not answer.is_success:
                raise ApiError(answer.status_code, "PICTURE", f"{url} answers {answer.status_code}.")
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > MAX_PICTURE:
                    raise ApiError(0, "PICTURE", f"{url} has more than {MAX_PICTURE} bytes.")
            return content

    def _asked(self, verb: str, path: str, **parts: Any) -> httpx.Response:
        answer = self._authorized(verb, path, self._token or self._renewed(), parts)
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            return answer
        return self._authorized(verb, path, self._renewed(), parts)  # it ended meanwhile

    def _authorized(self, verb: str, path: str, token: str, parts: dict[str, Any]) -> httpx.Response:
        return self._sent(verb, f"{self.url}/{path}", headers={"authorization": f"Bearer {token}"}, **parts)

    def _renewed(self) -> str:
        form = {"grant_type": API_KEY_GRANT, "apikey": self._api_key}
        answer = self._sent("POST", self._iam_url, data=form)
        if not answer.is_success:
            said = _error_of(answer)
            raise ApiError(answer.status_code, "API_KEY", f"{self._iam_url} refuses the API key: {said[1]}")
        self._token = str(_document(answer).get("access_token") or "")
        self._attempts = ATTEMPTS
        return self._token

    def _sent(self, verb: str, url: str, **parts: Any) -> httpx.Response:
        """Sends one request, and repeats it while that does no harm and the server asks to wait."""
        for attempt in range(self._attempts):
            last = attempt == self._attempts - 1
            try:
                answer = self._client.request(verb, url, **parts)
            except httpx.TransportError as error:
                if last or (verb == "POST" and not isinstance(error, _NEVER_SENT)):
                    reason = str(error) or type(error).__name__
                    raise ApiError(0, "UNREACHABLE", f"{urlsplit(url).netloc} cannot be reached: {reason}") from error
                self._sleep(_pause(attempt))
                continue
            again = answer.status_code in _BUSY or (verb != "POST" and answer.status_code in _BROKEN)
            if not again or last:
                return answer
            self._sleep(_asked_pause(answer, attempt))
        raise AssertionError("the last attempt returns or raises")


def default_iam_url(origin: str) -> str:
    """Returns where API keys of a server are exchanged for tokens: IBM's own IAM for IBM's hosts, else the server
    itself."""
    return IBM_IAM if (urlsplit(origin).hostname or "").endswith(IBM_HOSTS) else f"{origin}/identity/token"


def _refuse_plain(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise AddressError(f"{url}: API keys travel by https only")


def _pause(attempt: int) -> float:
    return float(min(2**attempt, LONGEST_PAUSE_S))


def _asked_pause(answer: httpx.Response, attempt: int) -> float:
    """Returns the time in Retry-After (RFC 9110 §10.2.3: seconds, or a date), else a longer one each time."""
    text = answer.headers.get("retry-after", "")
    try:
        seconds = float(text) if text.isdigit() else (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return _pause(attempt)
    return min(max(seconds, 0.1), LONGEST_PAUSE_S)


def _good(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    raise ApiError(answer.status_code, *_error_of(answer))


def _document(answer: httpx.Response) -> Json:
    """The body; lists, as a few documented examples show single things, become the thing itself."""
    try:
        body = answer.json() if answer.content else {}
    except ValueError as error:
        raise ApiError(answer.status_code, "NOT_JSON", f"{answer.url.path} answers no JSON.") from error
    if isinstance(body, list):
        body = body[0] if len(body) == 1 else {}
    return body if isinstance(body, dict) else {}


def _error_of(answer: httpx.Response) -> tuple[str, str]:
    """Returns code and message of a refusal, in any of the forms that such servers use."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    code = body.get("errorCode") or body.get("code") or body.get("error") or answer.status_code
    message = body.get("message") or body.get("detail") or body.get("errorMessage") or body.get("error_description")
    return str(code), str(message or f"{answer.request.method} {answer.url.path} answers {answer.status_code}")
