"""Setting whether mobile apps register themselves as clients of a tenant."""

from __future__ import annotations

from ostiary.settings.setting import Setting, take_as_it_is
from ostiary.settings.switch import is_on
from ostiary_api.appid.management.v4 import mobile_registration_pb2 as pb

MOBILE_REGISTRATION: Setting[pb.MobileRegistrationConfig, bool] = Setting(
    "mobile_registration", pb.MobileRegistrationConfig(is_active=False), take_as_it_is, is_on
)
