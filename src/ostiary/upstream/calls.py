"""Calls to other providers: JSON answers, within limits, to addresses that the egress policy allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ostiary.errors import DomainError
from ostiary.http.json_text import read_json
from ostiary.outgoing.client import Caps, Outgoing
from ostiary.outgoing.targets import CallFailed
from ostiary.upstream.identity import provider_failed, provider_unreachable

CAPS = Caps(body_bytes=65_536, redirects=0)
"""A redirect is followed nowhere: it would take credentials or a verdict to another address than the configured one."""


class ProviderCalls:
    """Calls to one provider, named in what goes wrong. Make them outside any transaction."""

    def __init__(self, outgoing: Outgoing, provider: str) -> None:
        self._outgoing = outgoing
        self._provider = provider

    def get(self, url: str, **headers: str) -> dict[str, Any]:
        """The JSON object at `url`. Raises PROVIDER_FAILED, PROVIDER_UNREACHABLE."""
        return self._object("GET", url, headers, b"")

    def post(self, url: str, form: Mapping[str, str], **headers: str) -> dict[str, Any]:
        """The JSON object that answers a form. Raises PROVIDER_FAILED, PROVIDER_UNREACHABLE."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self._object("POST", url, {**kind, **headers}, urlencode(form).encode())

    def _object(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        try:
            accept = {"accept": "application/json", **headers}
            answer = self._outgoing.call(method, url, headers=accept, body=body, caps=CAPS)
        except CallFailed as error:
            raise provider_unreachable(self._provider, f"{error.reason}: {error.message}") from error
        if not answer.ok:
            said = answer.body[:200].decode("utf-8", "replace")
            if answer.status >= 500:
                raise provider_unreachable(self._provider, f"{answer.status} {said}")
            raise provider_failed(self._provider, f"{answer.status} {said}")
        try:
            document = read_json(answer.body)
        except DomainError as error:
            raise provider_failed(self._provider, error.message) from error
        if not isinstance(document, dict):
            raise provider_failed(self._provider, "The answer is no JSON object.")
        return document
