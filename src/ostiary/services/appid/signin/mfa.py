"""App ID management: the second factor, its channels and extensions."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.audit.factor_events import factor_removed
from ostiary.directory.factors.factors import list_factors, remove_factor
from ostiary.directory.users.users import get_user, lock_user
from ostiary.mfa.settings import MFA, MFA_CHANNELS, get_extension
from ostiary.runtime import Runtime
from ostiary.services.appid.signin.mfa_messages import (
    channels,
    extension_message,
    factor_message,
    get_channel,
    stored_extension,
    switched_channel,
    switched_extension,
)
from ostiary.services.json_body import json_body
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import mfa_pb2 as pb
from ostiary_api.appid.management.v4 import mfa_pb2_grpc


class MfaServicer(mfa_pb2_grpc.MfaServiceServicer):
    """Whether, by which channel, and who is asked about it."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._events = runtime.events
        self._entropy = runtime.entropy
        self._sealing = runtime.sealing
        self._outgoing = runtime.outgoing
        self._extensions = runtime.messages.mfa_extensions

    def GetMfaConfig(self, request: pb.GetMfaConfigRequest, context: grpc.ServicerContext) -> pb.MfaConfig:
        call = current_call()
        return MFA.document(call.work, call.required_tenant)

    def PutMfaConfig(self, request: pb.PutMfaConfigRequest, context: grpc.ServicerContext) -> pb.MfaConfig:
        return MFA.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())

    def ListMfaChannels(
        self, request: pb.ListMfaChannelsRequest, context: grpc.ServicerContext
    ) -> pb.ListMfaChannelsResponse:
        return pb.ListMfaChannelsResponse(channels=self._channels().values())

    def GetMfaChannel(self, request: pb.GetMfaChannelRequest, context: grpc.ServicerContext) -> pb.MfaChannel:
        return get_channel(self._channels(), request.channel)

    def PutMfaChannel(self, request: pb.PutMfaChannelRequest, context: grpc.ServicerContext) -> pb.MfaChannel:
        edit = switched_channel(request.channel, request.config)
        stored = MFA_CHANNELS.change_sealed(
            current_call().work, self._sealing, self._entropy, request.tenant_id, edit, self._clock.now_ms()
        )
        return channels(stored)[request.channel]

    def GetMfaExtension(self, request: pb.GetMfaExtensionRequest, context: grpc.ServicerContext) -> pb.MfaExtension:
        call, setting = current_call(), get_extension(request.name)
        if call.shows_secrets:
            return extension_message(setting.opened_document(call.work, self._sealing, request.tenant_id))
        return extension_message(setting.document(call.work, call.required_tenant))

    def PutMfaExtension(self, request: pb.PutMfaExtensionRequest, context: grpc.ServicerContext) -> pb.MfaExtension:
        setting, stored = get_extension(request.name), stored_extension(request.extension)
        if stored.url:
            self._outgoing.check_url(stored.url)
        with current_call().transaction() as work:
            return extension_message(
                setting.replace_sealed(
                    work, self._sealing, self._entropy, request.tenant_id, stored, self._clock.now_ms()
                )
            )

    def PutMfaExtensionActive(
        self, request: pb.PutMfaExtensionActiveRequest, context: grpc.ServicerContext
    ) -> pb.MfaExtensionActive:
        work, setting = current_call().work, get_extension(request.name)
        edit = switched_extension(request.active)
        setting.change_sealed(work, self._sealing, self._entropy, request.tenant_id, edit, self._clock.now_ms())
        return request.active

    def TestMfaExtension(
        self, request: pb.TestMfaExtensionRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call, setting = current_call(), get_extension(request.name)
        extension = setting.opened(call.work, self._sealing, request.tenant_id)
        call.release()
        report = self._extensions.test(request.tenant_id, request.name, extension)
        with call.transaction():  # changes nothing but the audit, which has that it was called
            return json_body(report)

    def ListUserFactors(
        self, request: pb.ListUserFactorsRequest, context: grpc.ServicerContext
    ) -> pb.ListUserFactorsResponse:
        user = get_user(current_call().work, request.tenant_id, request.user_id)
        factors = list_factors(current_call().work, request.tenant_id, user.id)
        return pb.ListUserFactorsResponse(factors=[factor_message(factor) for factor in factors])

    def RemoveUserFactor(self, request: pb.RemoveUserFactorRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, work = current_call(), current_call().work
        lock_user(work, request.tenant_id, request.user_id)
        who = (call.principal.kind.value, call.principal.id)
        for gone in remove_factor(work, request.tenant_id, request.user_id, request.factor_id):
            self._events.emit(work, factor_removed(request.tenant_id, who, gone.id, gone.kind, call.request_id))
        return empty_pb2.Empty()

    def _channels(self) -> dict[str, pb.MfaChannel]:
        call = current_call()
        if call.shows_secrets:
            return channels(MFA_CHANNELS.opened_document(call.work, self._sealing, call.tenant_id))
        return channels(MFA_CHANNELS.document(call.work, call.required_tenant))
