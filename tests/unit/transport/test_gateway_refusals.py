"""What the gateway refuses by itself: each status has words in every dialect, and none blames the wrong side."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest
from kit.platform import parsed

from ostiary.gateway.refusals import CONNECT, GRPC_CODES, REFUSALS, answers, grpc_refusals
from ostiary.transport.dialects import DIALECTS

OF_ENVOY = {400, 403, 404, 405, 408, 413, 415, 431, 500, 501, 503, 504}
"""What Envoy answers by itself with our configuration; the filter makes 503 of 502."""


@pytest.mark.parametrize("family", [family for family in DIALECTS if family])
def test_every_status_of_envoy_has_words_in_every_dialect(family: int) -> None:
    worded = dict(answers(family, "/scim/v2/Users"))  # type: ignore[arg-type]
    assert {str(status) for status in OF_ENVOY} <= worded.keys()
    for name, answer in worded.items():
        assert not name.isdigit() or answer.status == int(name)
        is_json = answer.content_type.endswith("json")
        body = json.loads(answer.body) if is_json else parsed(answer.body).attrib
        told = body.get("status", body.get("statusCode", body.get("majorErrorCode", answer.status)))
        assert str(told) == str(answer.status)
        ours = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        assert ours or "nternal" not in answer.body
        assert ours or body.get("error") != "server_error"


def test_grpc_has_a_code_and_a_sentence_for_each_of_them_but_415() -> None:
    told = {status: (code, words) for status, code, words in grpc_refusals()}
    assert told.keys() == GRPC_CODES.keys() == OF_ENVOY - {415} | {502}
    for status, (code, words) in told.items():
        assert code > 0
        assert words.isascii()
        assert words.endswith(".")
        assert "%" not in words, "grpc-message is percent-encoded"
        assert (code == 13) == (status == HTTPStatus.INTERNAL_SERVER_ERROR)


def test_names_are_said_once() -> None:
    names = [refusal.name for refusal in REFUSALS]
    assert len(names) == len(set(names))
    assert json.loads(CONNECT.body).keys() == {"code", "message"}
