"""People who are registered in advance, and sign in."""

from __future__ import annotations

from typing import Any

from kit.accounts.directory import People, body

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary_api.appid.management.v4 import identity_providers_pb2 as idp_pb

MAIL = "Ada@Example.com"


def nominate(people: People, idp: str, identity: str, **attributes: Any) -> str:
    """Pre-registers somebody; the profile id."""
    user = {"idp": idp, "idp-identity": identity, "profile": {"attributes": attributes}}
    profile_id: str = people.profiles("PreRegisterUser", user=body(user))["id"]
    return profile_id


def signed_in(people: People, address: str = "ada@example.com") -> str:
    """A directory user signs in; its profile id."""
    app = people.oauth.application()
    return str(people.oauth.verified(people.tokens(app, address)["access_token"])[1]["sub"])


def setting(people: People, **config: Any) -> None:
    """Sets up the directory of the tenant; its users need not confirm their address unless said otherwise."""
    interactions = {
        "identity_confirmation": {"access_mode": "RESTRICTIVE", "methods": ["email"]}, "welcome_enabled": False,
        "reset_password_enabled": True, "reset_password_notification_enable": True,
    }  # fmt: skip
    document = {"interactions": interactions, "self_service_enabled": True, "signup_enabled": True, **config}
    provider = idp_pb.CloudDirectoryProvider(is_active=True, config=idp_pb.CloudDirectoryConfig(**document))
    with people.made.runtime.store.write() as work:
        CLOUD_DIRECTORY.replace(work, people.tenant_id, provider, 1)
