"""Error formats of the dialects: one renderer of `DomainError` for each family."""

from __future__ import annotations

from collections.abc import Callable

from ostiary.errors import DomainError
from ostiary.transport.families import appid, cloudapi, csp, iam, oauth, scim
from ostiary.transport.families.body import ErrorBody
from ostiary_api.options.v1 import rules_pb2 as options

Renderer = Callable[[DomainError, str], ErrorBody]

RENDERERS: dict[options.ErrorFamily.ValueType, Renderer] = {
    options.ERROR_FAMILY_APPID: appid.render,
    options.ERROR_FAMILY_OAUTH: oauth.render,
    options.ERROR_FAMILY_IAM: iam.render,
    options.ERROR_FAMILY_SCIM: scim.render,
    options.ERROR_FAMILY_CSP: csp.render,
    options.ERROR_FAMILY_CLOUDAPI: cloudapi.render,
}

__all__ = ["RENDERERS", "ErrorBody", "Renderer"]
