"""Objects that servicers may use; created once per process by `ostiary.app` and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.access.authentication import Authentication
from ostiary.access.exchange import IamProfile
from ostiary.access.introspection import TokenInspection
from ostiary.access.limits import Limits
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.config import Settings
from ostiary.delivery.caps import MessageCaps
from ostiary.delivery.channels.mail_channel import MailChannel
from ostiary.delivery.channels.sms_channel import SmsChannel
from ostiary.delivery.delivery import Delivery
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.signin.password_sign_in import PasswordSignIn
from ostiary.directory.transfer.cipher import TransferCiphers
from ostiary.directory.transfer.directory_import import DirectoryImport
from ostiary.directory.transfer.transfers import Transfers
from ostiary.ids import Entropy
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.keys.sealing import Sealing
from ostiary.oauth.authorize.codes import Finish
from ostiary.oauth.authorize.request import AuthorizationRequests
from ostiary.oauth.platform.profile import PlatformProfile
from ostiary.oauth.platform.sessions import PlatformSessions
from ostiary.oauth.platform.tokens import PlatformTokens
from ostiary.oauth.token.app_profile import AppProfile
from ostiary.oauth.token.endpoint import TokenEndpoint
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.outgoing.client import Outgoing
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.messages import UserMessages
from ostiary.self_service.password_change import PasswordChange
from ostiary.self_service.registration import Registration
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class TokenProfiles:
    """The authorization servers of this installation; `csp_api_tokens` and `cloudapi` take API tokens only."""

    app: AppProfile
    oidc: PlatformProfile
    csp: PlatformProfile
    csp_api_tokens: PlatformProfile
    cloudapi: PlatformProfile
    iam: IamProfile


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a running server."""

    settings: Settings
    clock: Clock
    entropy: Entropy
    store: Store
    tenancy: Tenancy
    sealing: Sealing
    keys: Keyring
    issuers: Issuers
    authentication: Authentication
    limits: Limits
    platform_tokens: PlatformTokens
    passwords: Passwords
    password_change: PasswordChange
    sign_in: PasswordSignIn
    inspection: TokenInspection
    group_commit: GroupCommit
    events: EventSink
    token_endpoint: TokenEndpoint
    token_profiles: TokenProfiles
    authorization_requests: AuthorizationRequests
    user_sign_in: UserSignIn
    finish: Finish
    platform_sessions: PlatformSessions
    registration: Registration
    outgoing: Outgoing
    mail: MailChannel
    text_messages: SmsChannel
    delivery: Delivery
    caps: MessageCaps
    messages: UserMessages
    self_service: SelfService
    transfer_ciphers: TransferCiphers
    directory_import: DirectoryImport
    transfers: Transfers
