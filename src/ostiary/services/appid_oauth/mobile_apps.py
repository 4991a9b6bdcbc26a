"""App ID runtime: registration of mobile apps."""

from __future__ import annotations

import grpc

from ostiary.errors import denied, limited
from ostiary.oauth.clients.mobile_apps import MOBILE, AppOnDevice, read_key, register_app
from ostiary.oauth.clients.mobile_registration import MOBILE_REGISTRATION
from ostiary.runtime import Runtime
from ostiary.store.counters import count_exactly, network_of
from ostiary.transport.call import Call, current_call
from ostiary_api.appid.oauth.v4 import mobile_apps_pb2 as pb
from ostiary_api.appid.oauth.v4 import mobile_apps_pb2_grpc

_GRANT_TYPES = ("authorization_code", "password")


class MobileAppsServicer(mobile_apps_pb2_grpc.MobileAppsServiceServicer):
    """Registers apps on devices as clients."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._limit = runtime.limits.exact["mobile_registration"]

    def RegisterMobileApp(self, request: pb.RegisterMobileAppRequest, context: grpc.ServicerContext) -> pb.MobileApp:
        call, app, now_ms = current_call(), request.app, self._clock.now_ms()
        if not MOBILE_REGISTRATION.read(call.work, call.required_tenant):
            raise denied("MOBILE_REGISTRATION_OFF", "Mobile apps do not register themselves here.")
        self._count(call, now_ms)
        key = app.jwks.keys[0]
        told = AppOnDevice(
            read_key(key.kty, key.n, key.e), app.software_id, app.software_version, app.device_id, app.device_model,
            app.device_os, app.device_os_version,
        )  # fmt: skip
        name, uri = app.client_name or app.software_id[:50], app.redirect_uris[0]
        client_id = register_app(call.work, call.tenant_id, name, uri, told, self._entropy, now_ms)
        answer = pb.MobileApp(client_id=client_id, client_id_issued_at=now_ms // 1000)
        answer.MergeFrom(app)
        answer.client_name, answer.client_type = name, MOBILE
        answer.token_endpoint_auth_method = "client_secret_basic"
        answer.response_types[:], answer.grant_types[:] = ["code"], app.grant_types or _GRANT_TYPES
        return answer

    def _count(self, call: Call, now_ms: int) -> None:
        wait = count_exactly(call.work, call.tenant_id, self._limit, network_of(call.client_ip), now_ms)
        if wait:
            message = f"Too many registrations from this address; wait {wait} seconds."
            raise limited("TOO_MANY_REQUESTS", message, wait, keep_changes=True)
