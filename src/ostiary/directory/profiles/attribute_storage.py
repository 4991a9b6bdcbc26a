"""Setting whether a tenant stores custom attributes of its users."""

from __future__ import annotations

from ostiary.settings.setting import Setting, take_as_it_is
from ostiary.settings.switch import is_on
from ostiary_api.appid.management.v4 import users_profile_pb2 as pb

USERS_PROFILE: Setting[pb.UsersProfileConfig, bool] = Setting(
    "users_profile", pb.UsersProfileConfig(is_active=True), take_as_it_is, is_on
)
