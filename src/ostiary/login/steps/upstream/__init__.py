"""Steps that other providers answer: a module each."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.login.steps.upstream.facebook import FacebookStep
from ostiary.login.steps.upstream.openid import GoogleStep, OpenIdProviderStep
from ostiary.login.steps.upstream.people import People
from ostiary.login.steps.upstream.saml import SamlStep
from ostiary.login.steps.upstream.step import SignInParts, UpstreamStep
from ostiary.runtime import Runtime
from ostiary.upstream.facebook import Facebook
from ostiary.upstream.google import NAME as GOOGLE
from ostiary.upstream.openid.relying_party import RelyingParty
from ostiary.upstream.openid.settings import NAME as OPENID
from ostiary.upstream.saml.service_provider import ServiceProvider


def upstream_steps(runtime: Runtime, people: People) -> Sequence[UpstreamStep]:
    """The steps that other providers answer, in the order of their buttons, each with a person of `people`. A new
    provider is named here."""
    parts = SignInParts(runtime.entropy, people)
    settings = runtime.settings
    facebook = Facebook(runtime.outgoing, settings.facebook_url, settings.facebook_graph_url)
    google = RelyingParty(runtime.outgoing, GOOGLE, runtime.clock)
    openid = RelyingParty(runtime.outgoing, OPENID, runtime.clock)
    return [
        FacebookStep(parts, facebook, runtime.sealing, runtime.issuers),
        GoogleStep(parts, google, runtime.sealing, runtime.issuers, settings.google_url),
        OpenIdProviderStep(parts, openid, runtime.sealing, runtime.issuers),
        SamlStep(parts, ServiceProvider(runtime.keys, runtime.issuers, runtime.clock)),
    ]
