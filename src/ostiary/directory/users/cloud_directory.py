"""Settings of the Cloud Directory as an identity provider: what users may do, and which mails they receive."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.errors import invalid
from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb

OFF_AS_SDKS_WRITE_IT = "false"
"""An unquoted YAML OFF that became part of the vendor's SDKs."""
REFUSES_PENDING = "FULL"
"""The mode in which nobody signs in before the mail address is confirmed. The sources do not say which of FULL and
RESTRICTIVE it is; this constant alone decides."""
METHODS = ("email",)


@dataclass(frozen=True, slots=True)
class CloudDirectory:
    """Settings of what the users of a tenant's directory may do, and which mails they receive.

    `is_active`: whether they may sign in. `identity_field`: what they type then, email or userName.
    `confirmation`: FULL, RESTRICTIVE or OFF.
    """

    is_active: bool
    identity_field: str
    confirmation: str
    sign_up_enabled: bool
    self_service_enabled: bool
    reset_password_enabled: bool
    sends_welcome: bool
    sends_password_changed: bool

    @property
    def refuses_pending(self) -> bool:
        """Whether users whose mail address is not confirmed are kept out."""
        return self.confirmation == REFUSES_PENDING

    @property
    def asks_for_confirmation(self) -> bool:
        """Whether new users get a verification mail."""
        return self.confirmation != "OFF"


def check_sign_in_name(directory: CloudDirectory, *, has_email: bool) -> None:
    """Raises EMAIL_MISSING for a user who could never sign in because no mail address is given."""
    if directory.identity_field == "email" and not has_email:
        message = "emails must hold a mail address: people sign in by it."
        raise invalid("EMAIL_MISSING", message, scim_type="invalidValue")


def check_cloud_directory(provider: pb.CloudDirectoryProvider) -> None:
    """Fills in signupEnabled and the methods of a confirmation that is on."""
    config = provider.config
    if not config.HasField("signup_enabled"):
        config.signup_enabled = True
    confirmation = config.interactions.identity_confirmation
    if confirmation.access_mode == OFF_AS_SDKS_WRITE_IT:
        confirmation.access_mode = "OFF"
    if confirmation.access_mode != "OFF" and not confirmation.methods:
        confirmation.methods.extend(METHODS)  # it may be left out, which must not keep people out for want of a mail


def _decoded(provider: pb.CloudDirectoryProvider) -> CloudDirectory:
    config, interactions = provider.config, provider.config.interactions
    return CloudDirectory(
        is_active=provider.is_active,
        identity_field=config.identity_field or "email",
        confirmation=interactions.identity_confirmation.access_mode,
        sign_up_enabled=config.signup_enabled,
        self_service_enabled=config.self_service_enabled,
        reset_password_enabled=interactions.reset_password_enabled,
        sends_welcome=interactions.welcome_enabled,
        sends_password_changed=interactions.reset_password_notification_enable,
    )


CLOUD_DIRECTORY = Setting(
    "cloud_directory",
    pb.CloudDirectoryProvider(
        is_active=True,
        config=pb.CloudDirectoryConfig(
            self_service_enabled=True,
            signup_enabled=True,
            interactions=pb.CloudDirectoryInteractions(
                identity_confirmation=pb.IdentityConfirmation(access_mode="FULL", methods=["email"]),
                welcome_enabled=True,
                reset_password_enabled=True,
                reset_password_notification_enable=True,
            ),
            identity_field="email",
        ),
    ),
    check_cloud_directory,
    _decoded,
)
