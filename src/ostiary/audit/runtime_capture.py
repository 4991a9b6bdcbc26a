"""Setting whether a tenant's runtime events (sign-ins, tokens) are recorded in the audit ledger."""

from __future__ import annotations

from ostiary.settings.setting import Setting, take_as_it_is
from ostiary.settings.switch import is_on
from ostiary_api.appid.management.v4 import runtime_activity_pb2 as pb

CAPTURE_RUNTIME_ACTIVITY: Setting[pb.RuntimeActivityConfig, bool] = Setting(
    "capture_runtime_activity", pb.RuntimeActivityConfig(is_active=False), take_as_it_is, is_on
)
