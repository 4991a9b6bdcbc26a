"""Steps of the flows: a module each. The lists here say which flow has which, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.login.link_visits import LinkStep
from ostiary.login.steps.anonymous import AnonymousStep
from ostiary.login.steps.confirm_address import ConfirmAddressStep
from ostiary.login.steps.dead_link import DeadLinkStep
from ostiary.login.steps.new_password import NewPasswordStep
from ostiary.login.steps.password import AppPasswordStep, PlatformPasswordStep
from ostiary.login.steps.tenants_reset_page import TenantsResetPageStep
from ostiary.login.visits import SignInStep
from ostiary.runtime import Runtime


def sign_in_steps(runtime: Runtime) -> Sequence[SignInStep]:
    """The steps of a sign-in."""
    return [
        AnonymousStep(
            runtime.clock, runtime.entropy, runtime.events
        ),  # before all that ask: who wants no name is asked for none
        AppPasswordStep(runtime.oauth.user_sign_in),
    ]


def platform_sign_in_steps(runtime: Runtime) -> Sequence[SignInStep]:
    """The steps of a sign-in at the platform."""
    return [PlatformPasswordStep(runtime.oauth.platform_password, runtime.events)]


def mail_link_steps(runtime: Runtime) -> Sequence[LinkStep]:
    """The steps of a link in a mail."""
    return [
        DeadLinkStep(),  # before all that use the code up
        ConfirmAddressStep(runtime.directory.self_service),
        TenantsResetPageStep(runtime.clock),  # before the built-in page: a tenant's own page takes its place
        NewPasswordStep(runtime.directory.self_service, runtime.directory.password_change),
    ]
