"""Second factors in a sign-in: a step each. The list here says in which order they are offered."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.factors.relying_party import relying_party
from ostiary.directory.factors.tries import FactorTries
from ostiary.login.second_factor.authenticator import AuthenticatorStep, EnrolAppStep
from ostiary.login.second_factor.checking import FactorChecks
from ostiary.login.second_factor.factor_step import FactorStep
from ostiary.login.second_factor.passkey import PasskeyFactorStep
from ostiary.login.second_factor.pre_mfa import PreMfaStep
from ostiary.login.second_factor.recovery import RecoveryCodeStep, ShowRecoveryCodesStep
from ostiary.login.second_factor.sent_codes import MailCodeStep, SmsCodeStep
from ostiary.login.second_factor.telling import Telling
from ostiary.login.visits import SignInStep
from ostiary.runtime import Runtime


def second_factor_steps(runtime: Runtime) -> Sequence[SignInStep]:
    """The steps after the first factor, the same at both authorization servers."""
    clock, entropy, sealing, messages = runtime.clock, runtime.entropy, runtime.sealing, runtime.messages
    tries = FactorTries(runtime.store, clock, runtime.limits.exact, runtime.events)
    checks = FactorChecks(clock, tries, Telling(runtime.store, clock, messages.outbox), runtime.events)
    factors: list[FactorStep] = [
        # what people have chosen themselves, before what is sent to them
        PasskeyFactorStep(relying_party(runtime.issuers.public_url), checks, clock),
        AuthenticatorStep(checks, clock, sealing),
        MailCodeStep(messages.factor_codes, checks, clock, entropy, sealing),
        SmsCodeStep(messages.factor_codes, checks, clock, entropy, sealing),
        RecoveryCodeStep(checks, clock, sealing),
        # for whoever has none of them
        EnrolAppStep(clock, entropy, sealing, checks),
    ]
    for step in factors:
        step.alternatives = factors
    return [
        PreMfaStep(messages.mfa_extensions, sealing),  # before all that ask: it may spare them
        *factors,
        ShowRecoveryCodesStep(clock, entropy, sealing, checks),
    ]
