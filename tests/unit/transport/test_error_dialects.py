"""One error, six dialects: what each shows of it."""

from __future__ import annotations

import json

import pytest
from kit.cases import in_one_test

from ostiary.errors import DomainError, Kind, conflict, denied, invalid, limited, not_found, unauthenticated
from ostiary.transport.dialects import DIALECTS
from ostiary_api.options.v1 import rules_pb2 as rules

APPID, OAUTH, IAM = rules.ERROR_FAMILY_APPID, rules.ERROR_FAMILY_OAUTH, rules.ERROR_FAMILY_IAM
SCIM, CSP, CLOUDAPI = rules.ERROR_FAMILY_SCIM, rules.ERROR_FAMILY_CSP, rules.ERROR_FAMILY_CLOUDAPI
TAKEN = conflict("USERNAME_TAKEN", "The name is taken.", scim_type="uniqueness")
SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.mark.parametrize(
    ("family", "path", "error", "status", "document"),
    [
        (APPID, "/management/v4/t/roles", TAKEN, 409,
         {"errorCode": "USERNAME_TAKEN", "message": "The name is taken."}),
        (
            APPID, "/management/v4/t/cloud_directory/Users", TAKEN, 409,
            {"errorCode": "USERNAME_TAKEN", "message": "The name is taken.", "detail": "The name is taken.",
             "status": "409", "scimType": "uniqueness", "schemas": [SCHEMA]},
        ),
        (
            APPID, "/management/v4/t/cloud_directory/forgot_password", conflict("USER_NOT_VERIFIED", "Not yet."), 409,
            {"errorCode": "USER_NOT_VERIFIED", "message": "Not yet.", "detail": "Not yet.", "status": "409",
             "schemas": [SCHEMA]},
        ),
        (SCIM, "/t", conflict("CONFLICT", "Repeat."), 409,
         {"schemas": [SCHEMA], "status": "409", "detail": "Repeat."}),
        (OAUTH, "/t", invalid("X", "Bad."), 400, {"error": "invalid_request", "error_description": "Bad."}),
        (
            OAUTH, "/t",
            denied("PENDING", "Pending user verification", oauth_error="invalid_grant", error_code="FORBIDDEN"),
            403,
            {"error": "invalid_grant", "error_description": "Pending user verification", "error_code": "FORBIDDEN"},
        ),
        (OAUTH, "/t", denied("INSUFFICIENT_SCOPE", "No."), 403,
         {"error": "insufficient_scope", "error_description": "No."}),
        (OAUTH, "/t", denied("FORBIDDEN", "No."), 403, {"error": "access_denied", "error_description": "No."}),
        (IAM, "/t", invalid("BXNIM0415E", "No."), 400, {"errorCode": "BXNIM0415E", "errorMessage": "No."}),
        (SCIM, "/t", invalid("X", "Bad.", scim_type="invalidFilter"), 400,
         {"schemas": [SCHEMA], "status": "400", "detail": "Bad.", "scimType": "invalidFilter"}),
        (
            CSP, "/t", unauthenticated("INVALID_TOKEN", "No."), 401,
            {"cspErrorCode": "csp.invalid.token", "errorCode": "INVALID_TOKEN", "message": "No.", "moduleCode": 540,
             "statusCode": 401},
        ),
        (CLOUDAPI, "/t", invalid("X", "Bad."), 400,
         {"minorErrorCode": "BAD_REQUEST", "message": "Bad.", "stackTrace": None}),
    ],
)  # fmt: skip
def test_each_dialect_writes_it_in_its_own_shape(
    family: int, path: str, error: DomainError, status: int, document: dict[str, object]
) -> None:
    body = DIALECTS[family].render(error, path)
    assert (body.status, json.loads(body.text)) == (status, document)


@pytest.mark.parametrize("family", [APPID, OAUTH])
def test_an_unknown_tenant_is_the_plain_text_that_the_vendor_answers(family: int) -> None:
    body = DIALECTS[family].render(not_found("TENANT_NOT_FOUND", "Not Found"), "/management/v4/t/config/tokens")
    assert (body.status, body.content_type, body.text) == (404, "text/plain; charset=utf-8", "Not Found")


def test_cloudapi_hides_what_does_not_exist_behind_what_may_not_be_seen() -> None:
    unknown = DIALECTS[CLOUDAPI].render(not_found("USER_NOT_FOUND", "No user 7."), "/cloudapi/1.0.0/users/7")
    assert unknown.status == 403
    assert "7" not in unknown.text


@in_one_test("family, kind", [(family, kind) for family in DIALECTS if family for kind in Kind])
def test_every_kind_has_a_form_in_every_dialect_that_fits_into_a_header(family: int, kind: Kind) -> None:
    body = DIALECTS[family].render(DomainError(kind, "REASON", 'a "quoted" line\nand ünïcödé'), "/t")
    assert body.text.isascii()
    assert "\n" not in body.text
    assert 400 <= body.status <= 504


@pytest.mark.parametrize(
    ("error", "challenge"),
    [
        (unauthenticated("UNAUTHENTICATED", "x"), 'Bearer realm="ostiary"'),
        (unauthenticated("INVALID_TOKEN", "x"), 'Bearer realm="ostiary", error="invalid_token"'),
        (denied("INSUFFICIENT_SCOPE", "x"), 'Bearer realm="ostiary", error="insufficient_scope"'),
        (unauthenticated("INVALID_CLIENT", "x", oauth_error="invalid_client"), 'Basic realm="ostiary"'),
    ],
)
def test_oauth_says_how_to_authenticate(error: DomainError, challenge: str) -> None:
    assert ("www-authenticate", challenge) in DIALECTS[OAUTH].render(error, "/t").headers


def test_a_limit_says_when_to_come_back() -> None:
    assert limited("RATE_LIMIT", "Slow down.", 0).facts["retry_after"] == 1
