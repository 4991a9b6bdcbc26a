"""Steps of the flows: a module each. The lists here say which flow has which, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.factors.relying_party import relying_party
from ostiary.login.link_visits import LinkStep
from ostiary.login.passkeys.first_factor import AppPasskeyStep, PlatformPasskeyStep
from ostiary.login.second_factor import second_factor_steps
from ostiary.login.steps.anonymous import AnonymousStep
from ostiary.login.steps.choices.change_details import ChangeDetailsStep, StoreDetailsStep
from ostiary.login.steps.choices.change_password import ChangePasswordStep
from ostiary.login.steps.choices.chosen_password import ChosenPasswords, StorePasswordStep
from ostiary.login.steps.choices.renew_password import RenewPasswordStep
from ostiary.login.steps.confirm_address import ConfirmAddressStep
from ostiary.login.steps.dead_link import DeadLinkStep
from ostiary.login.steps.forgot_password import ForgotPasswordPageStep, ForgotPasswordStep
from ostiary.login.steps.new_password import NewPasswordStep
from ostiary.login.steps.password import AppPasswordStep, PlatformPasswordStep
from ostiary.login.steps.pending import PendingStep
from ostiary.login.steps.session import AppSessionStep, PlatformSessionStep
from ostiary.login.steps.sign_up import SignUpStep
from ostiary.login.steps.tenants_reset_page import TenantsResetPageStep
from ostiary.login.steps.upstream import upstream_steps
from ostiary.login.steps.upstream.people import AppPeople, PlatformPeople
from ostiary.login.steps.upstream.providers import ProvidersStep
from ostiary.login.steps.upstream.saml_arrival import SamlArrivalStep
from ostiary.login.visits import SignInStep
from ostiary.runtime import Runtime


def sign_in_steps(runtime: Runtime) -> Sequence[SignInStep]:
    """The steps of a sign-in."""
    directory, events, user_sign_in = runtime.directory, runtime.events, runtime.oauth.user_sign_in
    self_service = directory.self_service
    pending = PendingStep(runtime.messages.users, runtime.entropy)
    clock, entropy, party = runtime.clock, runtime.entropy, relying_party(runtime.issuers.public_url)
    chosen = ChosenPasswords(clock, directory.password_change, user_sign_in)
    renew = RenewPasswordStep(self_service, chosen)
    providers = ProvidersStep(upstream_steps(runtime, AppPeople(clock, entropy, events)))
    return [
        # before all that ask: who wants no name is asked for none
        AnonymousStep(runtime.clock, runtime.entropy, events),
        # before all that ask, for the same reason
        AppSessionStep(runtime.clock, runtime.entropy, events),
        SamlArrivalStep(runtime.sealing, runtime.issuers, runtime.clock),
        # before the password: they apply where that was right, and is not enough
        pending,
        renew,
        password := AppPasswordStep(
            user_sign_in, {"USER_NOT_VERIFIED": pending.refused, "PASSWORD_EXPIRED": renew.begin}, providers
        ),
        # in place of the password, on the same page
        AppPasskeyStep(party, password, clock, entropy, events),
        # in place of the password, where the directory is not asked
        providers,
        *providers.steps,
        # in place of the password, where the person chooses so
        SignUpStep(directory.registration, self_service, directory.passwords, user_sign_in, events, pending),
        ForgotPasswordStep(self_service),
        # of flows that applications begin for something else than a sign-in
        ForgotPasswordPageStep(self_service),
        ChangePasswordStep(self_service, chosen),
        ChangeDetailsStep(self_service, clock, entropy),
        # after who it is
        *second_factor_steps(runtime),
        # after all that proves something
        StorePasswordStep(clock, self_service, events),
        StoreDetailsStep(clock, entropy, runtime.sealing, events),
    ]


def platform_sign_in_steps(runtime: Runtime) -> Sequence[SignInStep]:
    """The steps of a sign-in at the platform."""
    clock, entropy, events = runtime.clock, runtime.entropy, runtime.events
    party = relying_party(runtime.issuers.public_url)
    providers = ProvidersStep(upstream_steps(runtime, PlatformPeople(clock, entropy, events)))
    return [
        PlatformSessionStep(clock, entropy, events),  # before all that ask
        password := PlatformPasswordStep(runtime.oauth.platform_password, events, providers),
        # in place of the password, on the same page
        PlatformPasskeyStep(party, password, clock, entropy, events),
        *providers.steps,
        *second_factor_steps(runtime),
    ]


def mail_link_steps(runtime: Runtime) -> Sequence[LinkStep]:
    """The steps of a link in a mail."""
    return [
        DeadLinkStep(),  # before all that use the code up
        ConfirmAddressStep(runtime.directory.self_service),
        TenantsResetPageStep(runtime.clock),  # before the built-in page: a tenant's own page takes its place
        NewPasswordStep(runtime.directory.self_service, runtime.directory.password_change),
    ]
