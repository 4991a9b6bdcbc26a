"""App ID management: a tenant's own pages to which the links in mails lead."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.delivery.action_urls import ACTION_URLS, delete_action_url, get_action_url, put_action_url
from ostiary.http.forms import read_fields
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import action_urls_pb2 as pb
from ostiary_api.appid.management.v4 import action_urls_pb2_grpc


class ActionUrlsServicer(action_urls_pb2_grpc.ActionUrlsServiceServicer):
    """The pages to which browsers are sent after a link in a mail was followed."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def ListActionUrls(self, request: pb.ListActionUrlsRequest, context: grpc.ServicerContext) -> pb.ActionUrls:
        call = current_call()
        return ACTION_URLS.document(call.work, call.required_tenant)

    def GetActionUrl(self, request: pb.GetActionUrlRequest, context: grpc.ServicerContext) -> pb.ActionUrl:
        call = current_call()
        return pb.ActionUrl(action_url=get_action_url(call.work, call.required_tenant, request.action))

    def PutActionUrl(self, request: pb.PutActionUrlRequest, context: grpc.ServicerContext) -> pb.ActionUrl:
        url = read_fields(request.form, "actionUrl").required("actionUrl")
        put_action_url(current_call().work, request.tenant_id, request.action, url, self._clock.now_ms())
        return pb.ActionUrl(action_url=url)

    def DeleteActionUrl(self, request: pb.DeleteActionUrlRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        delete_action_url(current_call().work, request.tenant_id, request.action, self._clock.now_ms())
        return empty_pb2.Empty()
