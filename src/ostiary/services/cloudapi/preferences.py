"""Preferences in cloudapi."""

from __future__ import annotations

import grpc

from ostiary.access.callers import preferring
from ostiary.directory.listing.preferences import page_of_preferences
from ostiary.directory.preferences.preferences import (
    Owner,
    Preference,
    get_preference,
    list_preferences,
    put_preference,
)
from ostiary.directory.users.users import get_user
from ostiary.errors import invalid
from ostiary.ids import guid
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import asked_list, paged
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import cloudapi_preferences_pb2 as pb
from ostiary_api.cloudapi.v1 import cloudapi_preferences_pb2_grpc


class PreferencesServicer(cloudapi_preferences_pb2_grpc.PreferencesServiceServicer):
    """What people and programs prefer."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi"
        self._clock = runtime.clock

    def ListPreferences(self, request: pb.ListPreferencesRequest, context: grpc.ServicerContext) -> pb.Preferences:
        return self._listed(request, "vcf/preferences", preferring(current_call().principal))

    def GetPreference(self, request: pb.GetPreferenceRequest, context: grpc.ServicerContext) -> pb.Preference:
        call = current_call()
        return _shown(get_preference(call.work, call.tenant_id, preferring(call.principal), request.classifier))

    def UpdatePreference(self, request: pb.UpdatePreferenceRequest, context: grpc.ServicerContext) -> pb.Preference:
        return self._put(preferring(current_call().principal), request.classifier, request.preference)

    def ListUserPreferences(
        self, request: pb.ListUserPreferencesRequest, context: grpc.ServicerContext
    ) -> pb.Preferences:
        owner = _user(current_call(), request.id)
        return self._listed(request, f"1.0.0/users/urn:vcloud:user:{owner.id}/preferences", owner)

    def GetUserPreference(self, request: pb.GetUserPreferenceRequest, context: grpc.ServicerContext) -> pb.Preference:
        call = current_call()
        owner = _user(call, request.id)
        return _shown(get_preference(call.work, call.tenant_id, owner, request.classifier))

    def UpdateUserPreference(
        self, request: pb.UpdateUserPreferenceRequest, context: grpc.ServicerContext
    ) -> pb.Preference:
        return self._put(_user(current_call(), request.id), request.classifier, request.preference)

    def _listed(
        self, request: pb.ListPreferencesRequest | pb.ListUserPreferencesRequest, path: str, owner: Owner
    ) -> pb.Preferences:  # fmt: skip
        call = current_call()
        among = list_preferences(call.work, call.tenant_id, owner)
        found, total = page_of_preferences(call.work, among, request.filter, **asked_list(request, "classifier"))
        page = paged(f"{self._url}/{path}", "Preferences", request, total)
        return pb.Preferences(**page, values=map(_shown, found))

    def _put(self, owner: Owner, classifier: str, asked: pb.Preference) -> pb.Preference:
        call = current_call()
        held = get_preference(call.work, call.tenant_id, owner, classifier)
        if asked.classifier not in ("", held.classifier) or asked.name not in ("", held.name):
            raise invalid("PREFERENCE_FIXED", f"classifier and name of {classifier} never change; value does.")
        call.audit_target = owner.id
        return _shown(put_preference(call.work, call.tenant_id, owner, classifier, asked.value, self._clock.now_ms()))


def _user(call: Call, named: str) -> Owner:
    return Owner(get_user(call.work, call.tenant_id, guid(named, "user")).id)


def _shown(preference: Preference) -> pb.Preference:
    return pb.Preference(classifier=preference.classifier, name=preference.name, value=preference.value)
