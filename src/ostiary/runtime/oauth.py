"""OAuth: the authorization servers of an installation, their grants, and what checks their tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ostiary.access.authentication import Authentication
from ostiary.access.exchange import GRANT_TYPE as IAM_API_KEY
from ostiary.access.exchange import ApiKeyGrant, IamProfile
from ostiary.access.introspection import TokenInspection
from ostiary.access.provisioners import Provisioners
from ostiary.access.signing_out import SigningOut
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.oauth.authorize.codes import Finish
from ostiary.oauth.authorize.logout_notices import LogoutNotices
from ostiary.oauth.authorize.platform_request import PlatformAuthorizationRequests
from ostiary.oauth.authorize.request import AuthorizationRequests
from ostiary.oauth.platform.accounts import Account
from ostiary.oauth.platform.api_tokens import SessionForEachUse
from ostiary.oauth.platform.devices import Devices
from ostiary.oauth.platform.identity import Asked, IdentityTokens, csp_identity, oidc_identity
from ostiary.oauth.platform.password import AMR, SESSION_LIFETIME_S, PlatformGrantSignIn, PlatformPassword
from ostiary.oauth.platform.profile import PlatformProfile, check_service_account
from ostiary.oauth.platform.registered_tokens import FirstUse
from ostiary.oauth.platform.service_account_profile import GrantedDevices, ServiceAccountProfile
from ostiary.oauth.platform.service_accounts import SERVICE
from ostiary.oauth.platform.session_assertion import SessionAssertionGrant
from ostiary.oauth.platform.sessions import CLOUDAPI, CSP, PlatformSessions
from ostiary.oauth.platform.tokens import PlatformTokens
from ostiary.oauth.sessions.refresh import API_TOKEN, PLATFORM, ROTATING
from ostiary.oauth.token.app_profile import CLIENT_AMR, CLIENT_CREDENTIALS, AppProfile
from ostiary.oauth.token.app_tokens import AppTokens
from ostiary.oauth.token.endpoint import TokenEndpoint
from ostiary.oauth.token.grants.access_token_assertion import AccessTokenAssertionGrant
from ostiary.oauth.token.grants.authorization_code import AuthorizationCodeGrant
from ostiary.oauth.token.grants.client_credentials import ClientCredentialsGrant
from ostiary.oauth.token.grants.device_code import GRANT_TYPE as DEVICE_CODE
from ostiary.oauth.token.grants.device_code import DeviceCodeGrant
from ostiary.oauth.token.grants.jwt_bearer import GRANT_TYPE as JWT_BEARER
from ostiary.oauth.token.grants.jwt_bearer import JwtBearerGrant
from ostiary.oauth.token.grants.password import PasswordGrant
from ostiary.oauth.token.grants.refresh_token import RefreshTokenGrant, Renewal, Rotation
from ostiary.oauth.token.issuing import Issuing
from ostiary.oauth.token.profile import GrantType
from ostiary.oauth.token.progressive import AnonymousTokens
from ostiary.oauth.token.user_sign_in import GrantSignIn, UserSignIn
from ostiary.runtime.directory import DirectoryParts
from ostiary.runtime.foundation import Foundation
from ostiary.runtime.messages import MessageParts


@dataclass(frozen=True, slots=True)
class TokenProfiles:
    """The authorization servers of this installation; `csp_api_tokens` and `cloudapi` take API tokens only."""

    app: AppProfile
    oidc: PlatformProfile
    csp: PlatformProfile
    csp_api_tokens: PlatformProfile
    cloudapi: PlatformProfile
    service_accounts: ServiceAccountProfile
    iam: IamProfile


@dataclass(frozen=True, slots=True)
class OAuthParts:
    """Tokens: issued, checked, and the way to them through a browser."""

    authentication: Authentication
    inspection: TokenInspection
    token_endpoint: TokenEndpoint
    token_profiles: TokenProfiles
    platform_tokens: PlatformTokens
    platform_sessions: PlatformSessions
    platform_password: PlatformPassword
    platform_authorization: PlatformAuthorizationRequests
    platform_finish: Finish
    identity_tokens: IdentityTokens
    signing_out: SigningOut
    authorization_requests: AuthorizationRequests
    user_sign_in: UserSignIn
    finish: Finish
    devices: Devices
    logout_notices: LogoutNotices


def build_oauth(base: Foundation, directory: DirectoryParts, messages: MessageParts) -> OAuthParts:
    """Builds what issues and checks tokens."""
    store, clock, entropy, events = base.store, base.clock, base.entropy, base.events
    provisioners = Provisioners(base.tenancy, clock, base.group_commit.later)
    authentication = Authentication(base.tenancy, base.keys, base.issuers, clock, provisioners)
    user_sign_in = UserSignIn(store, directory.sign_in, events, clock, entropy)
    anonymous = AnonymousTokens(base.keys, base.issuers, clock)
    issuing = Issuing(base.group_commit)
    identity_tokens = IdentityTokens(base.tenancy, base.keys, base.issuers, clock)
    password = PlatformPassword(store, clock, directory.sign_in)
    tokens = PlatformTokens(base.tenancy, base.keys, base.issuers, entropy)
    devices = Devices(base.sealing, entropy, base.limits.exact)
    return OAuthParts(
        authentication,
        TokenInspection(authentication, store, clock, events),
        TokenEndpoint(clock, entropy, issuing, events),
        _profiles(
            base, _app_profile(base, GrantSignIn(user_sign_in, anonymous)), tokens, password, authentication, devices
        ),
        tokens,
        PlatformSessions(
            store, base.tenancy, clock, entropy, tokens, directory.passwords, directory.sign_in, issuing, events
        ),
        password,
        PlatformAuthorizationRequests(base.tenancy, base.issuers, identity_tokens.claims),
        Finish(clock, entropy, PLATFORM, SESSION_LIFETIME_S),
        identity_tokens,
        SigningOut(authentication, identity_tokens, store, clock, events),
        AuthorizationRequests(base.keys, base.issuers, anonymous),
        user_sign_in,
        Finish(clock, entropy),
        devices,
        LogoutNotices(store, clock, base.tenancy, base.issuers, messages.outbox),
    )


def _app_profile(base: Foundation, sign_in: GrantSignIn) -> AppProfile:
    """App ID's grants. A new grant type is named here."""
    store, clock, entropy, issuers = base.store, base.clock, base.entropy, base.issuers
    return AppProfile(
        {
            "authorization_code": AuthorizationCodeGrant(store),
            "password": PasswordGrant(sign_in, CLOUD_DIRECTORY),
            CLIENT_CREDENTIALS: ClientCredentialsGrant(CLIENT_AMR),
            "refresh_token": RefreshTokenGrant(store, {ROTATING: Rotation(base.sealing, entropy)}),
            JWT_BEARER: JwtBearerGrant(store, clock, entropy, issuers, sign_in.anonymous, base.events),
        },
        AppTokens(base.keys, issuers, entropy), base.events,
    )  # fmt: skip


def _profiles(
    base: Foundation, app: AppProfile, tokens: PlatformTokens, password: PlatformPassword,
    authentication: Authentication, devices: Devices,
) -> TokenProfiles:  # fmt: skip
    """The profiles of all paths. `/oidc` and csp share most of their grants, under two issuers."""
    public_url = base.issuers.public_url
    by_password = PasswordGrant(PlatformGrantSignIn(password, base.entropy, CSP), AMR)
    by_session = SessionAssertionGrant(authentication.signed_in_user)
    return TokenProfiles(
        app=app,
        oidc=_platform_profile(base, tokens, base.issuers.oidc, oidc_identity, {JWT_BEARER: by_session}),
        csp=_platform_profile(base, tokens, public_url, csp_identity, {"password": by_password}),
        csp_api_tokens=_api_token_profile(base, tokens, CSP),
        cloudapi=_cloudapi_profile(base, tokens, authentication),
        service_accounts=_service_account_profile(base, tokens, devices),
        iam=IamProfile(tokens, {IAM_API_KEY: ApiKeyGrant()}),
    )


def _platform_profile(
    base: Foundation, tokens: PlatformTokens, issuer: str,
    describe: Callable[[Account, Asked, str], Mapping[str, Any]], more: Mapping[str, GrantType[Account]],
) -> PlatformProfile:  # fmt: skip
    """The platform's grants. A new grant type is named here; `more` are those of one issuer only."""
    renewals: dict[str, Renewal[Account]] = {
        ROTATING: Rotation(base.sealing, base.entropy), API_TOKEN: SessionForEachUse(CSP, base.entropy),
    }  # fmt: skip
    return PlatformProfile(
        {
            "client_credentials": ClientCredentialsGrant(check=check_service_account),
            "refresh_token": RefreshTokenGrant(base.store, renewals),
            "authorization_code": AuthorizationCodeGrant(base.store),
            **more,
        },
        issuer, base.tenancy, tokens, describe,
    )  # fmt: skip


def _api_token_profile(base: Foundation, tokens: PlatformTokens, session: str) -> PlatformProfile:
    only = RefreshTokenGrant(base.store, {API_TOKEN: SessionForEachUse(session, base.entropy)})
    return PlatformProfile({"refresh_token": only}, base.issuers.public_url, base.tenancy, tokens)


def _cloudapi_profile(base: Foundation, tokens: PlatformTokens, authentication: Authentication) -> PlatformProfile:
    """Cloud Director's grants, for what was registered there. A new grant type is named here."""
    renewals: dict[str, Renewal[Account]] = {API_TOKEN: SessionForEachUse(CLOUDAPI, base.entropy)}
    return PlatformProfile(
        {
            "refresh_token": RefreshTokenGrant(base.store, renewals),
            JWT_BEARER: AccessTokenAssertionGrant(authentication.signed_in_user, FirstUse(CLOUDAPI, base.entropy)),
        },
        base.issuers.public_url, base.tenancy, tokens, has_clients=False,
    )  # fmt: skip


def _service_account_profile(base: Foundation, tokens: PlatformTokens, devices: Devices) -> ServiceAccountProfile:
    """Cloud Director's grants for service accounts, at the same addresses. A new grant type is named here."""
    granted = GrantedDevices(devices, base.store)
    rotation: Rotation = Rotation(base.sealing, base.entropy, repeats=False)
    return ServiceAccountProfile(
        {
            "refresh_token": RefreshTokenGrant(base.store, {SERVICE: rotation}),
            DEVICE_CODE: DeviceCodeGrant(granted.poll, granted.open),
        },
        base.tenancy, tokens,
    )  # fmt: skip
