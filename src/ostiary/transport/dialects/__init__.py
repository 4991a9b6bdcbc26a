"""The dialects: one object for each, found by the error family that the protos name."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.transport.dialects.appid import APPID
from ostiary.transport.dialects.cloudapi import CLOUDAPI
from ostiary.transport.dialects.csp import CSP
from ostiary.transport.dialects.dialect import Dialect
from ostiary.transport.dialects.iam import IAM
from ostiary.transport.dialects.oauth import OAUTH
from ostiary.transport.dialects.scim import SCIM
from ostiary.transport.dialects.vcloud import VCLOUD
from ostiary_api.options.v1 import rules_pb2 as options

DIALECTS: Mapping[options.ErrorFamily.ValueType, Dialect] = {
    options.ERROR_FAMILY_UNSPECIFIED: Dialect(),  # of services without REST paths
    options.ERROR_FAMILY_APPID: APPID,
    options.ERROR_FAMILY_OAUTH: OAUTH,
    options.ERROR_FAMILY_IAM: IAM,
    options.ERROR_FAMILY_SCIM: SCIM,
    options.ERROR_FAMILY_CSP: CSP,
    options.ERROR_FAMILY_CLOUDAPI: CLOUDAPI,
    options.ERROR_FAMILY_VCLOUD: VCLOUD,
}
