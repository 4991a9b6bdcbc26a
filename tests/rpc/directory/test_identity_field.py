"""By what people of a Cloud Directory sign in: frozen by the first of them."""

from __future__ import annotations

from typing import Any

import grpc
from kit.callers import Caller, refusal
from kit.servers.installation import ENTROPY

from ostiary.ids import new_id
from ostiary.store.tables import User

PROVIDERS = "identity.appid.management.v4.IdentityProvidersService"


def test_the_identity_field_is_frozen_by_the_first_user(caller: Caller) -> None:
    installation = caller.installation
    tenant = {"tenantId": installation.tenant_id}

    def put(provider: dict[str, Any]) -> dict[str, Any]:
        return caller.ask(f"{PROVIDERS}/PutCloudDirectoryProvider", {**tenant, "provider": provider})

    def person(tenant_id: str) -> None:
        with installation.runtime.store.write() as work:
            work.add(
                User(id=new_id(ENTROPY), tenant_id=tenant_id, user_name="bee", user_name_key="bee", created_at=0,
                     modified_at=0)
            )  # fmt: skip

    by_email = caller.ask(f"{PROVIDERS}/GetCloudDirectoryProvider", tenant)
    person(installation.new_tenant("other"))
    by_name = put({**by_email, "config": {**by_email["config"], "identityField": "userName"}})
    assert by_name["config"]["identityField"] == "userName"
    person(installation.tenant_id)
    frozen = (grpc.StatusCode.INVALID_ARGUMENT, "IDENTITY_FIELD_FROZEN")
    assert refusal(lambda: put(by_email)) == frozen
    assert refusal(lambda: put({"isActive": True}))[1] == "CONFIG_MISSING"
    without = {name: value for name, value in by_name["config"].items() if name != "identityField"}
    kept = put({**by_name, "config": without, "isActive": False})
    assert (kept["isActive"], kept["config"]["identityField"]) == (False, "userName")
