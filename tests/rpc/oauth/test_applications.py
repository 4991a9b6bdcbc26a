"""Applications and their scopes over native gRPC, in the documented JSON."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from kit.audited import changes
from kit.callers import Caller, bearer, refusal
from kit.servers.installation import ENTROPY
from sqlalchemy import select

from ostiary.ids import new_id
from ostiary.oauth.clients.clients import check_secret, find_client
from ostiary.store.tables import AuthorizationCode, Client, Grant, table_of
from ostiary.store.tenancy import fresh_view

Json = dict[str, Any]
SERVICE = "identity.appid.management.v4.ApplicationsService"
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
UNKNOWN = (NOT_FOUND, "APPLICATION_NOT_FOUND")
NOBODY = "00000000-0000-4000-8000-000000000000"


class Applications:
    """The applications of one tenant, over the wire."""

    def __init__(self, caller: Caller, tenant_id: str = "", role: str = "writer") -> None:
        self.caller = caller
        self.tenant_id = tenant_id or caller.installation.tenant_id
        self.role = role

    def ask(self, method: str, role: str = "", **body: Any) -> Json:
        return self.caller.ask(f"{SERVICE}/{method}", {"tenantId": self.tenant_id, **body}, role or self.role)

    def create(self, **application: Any) -> Json:
        return self.ask("CreateApplication", application=application)

    def put_scopes(self, client_id: str, scopes: list[str]) -> list[str]:
        found: list[str] = self.ask("PutApplicationScopes", clientId=client_id, scopes={"scopes": scopes})["scopes"]
        return found


@pytest.fixture
def applications(caller: Caller) -> Applications:
    return Applications(caller)


def without_secret(application: Json) -> Json:
    return {name: value for name, value in application.items() if name != "secret"}


def test_an_application_lives_from_registration_to_deletion(applications: Applications) -> None:
    base = applications.caller.installation.runtime.settings.base_url
    issuer = f"{base}/oauth/v4/{applications.tenant_id}"
    assert applications.ask("ListApplications") == {"applications": []}
    web = applications.create(name="Web", clientId=NOBODY, secret="mine", tenantId=NOBODY, scopes=["x"])
    assert web == {
        "clientId": web["clientId"], "tenantId": applications.tenant_id, "secret": web["secret"], "name": "Web",
        "type": "regularwebapp", "oAuthServerUrl": issuer, "profilesUrl": base,
        "discoveryEndpoint": f"{issuer}/.well-known/openid-configuration", "scopes": [],
    }  # fmt: skip
    assert web["clientId"] != NOBODY
    assert len(web["secret"]) == 48
    spa = applications.create(name="Browser", type="singlepageapp")
    assert (spa["type"], "secret" in spa) == ("singlepageapp", False)
    assert applications.ask("ListApplications") == {"applications": [spa, web]}
    renamed = applications.ask(
        "UpdateApplication", clientId=web["clientId"], application={"name": "Shop", "type": "singlepageapp"}
    )
    assert renamed == {**web, "name": "Shop"}
    assert applications.ask("GetApplication", clientId=web["clientId"]) == renamed
    assert applications.ask("DeleteApplication", clientId=web["clientId"]) == {}
    assert applications.ask("ListApplications") == {"applications": [spa]}
    assert recorded(applications) == [
        ("appid.applications.create", web["clientId"]), ("appid.applications.create", spa["clientId"]),
        ("appid.application.update", web["clientId"]), ("appid.application.delete", web["clientId"]),
    ]  # fmt: skip


def recorded(applications: Applications) -> list[tuple[str, str]]:
    return changes(applications.caller.installation)


def test_secrets_are_shown_to_writer_manager_and_operator_and_not_to_reader(applications: Applications) -> None:
    made = applications.create(name="Web")
    for role in ("writer", "manager", "operator"):
        assert applications.ask("ListApplications", role) == {"applications": [made]}
        assert applications.ask("GetApplication", role, clientId=made["clientId"]) == made
    assert applications.ask("ListApplications", "reader") == {"applications": [without_secret(made)]}
    assert applications.ask("GetApplication", "reader", clientId=made["clientId"]) == without_secret(made)


def test_the_secret_that_was_shown_is_the_one_that_signs_in(applications: Applications) -> None:
    web, spa = applications.create(name="Web"), applications.create(name="Browser", type="singlepageapp")
    with applications.caller.installation.runtime.store.read() as work:
        view = fresh_view(work, applications.tenant_id)
        assert view is not None
        confidential, public = (find_client(work, view, made["clientId"]) for made in (web, spa))
        assert find_client(work, view, NOBODY) is None
        row = work.row(select(table_of(Client)).where(table_of(Client).c.id == web["clientId"]))
    assert confidential is not None
    assert public is not None
    assert (confidential.is_public, public.is_public) == (False, True)
    assert check_secret(confidential, web["secret"])
    assert not any(check_secret(confidential, wrong) for wrong in ("", "x", web["secret"] + "x", "\ud800"))
    assert not any(check_secret(public, wrong) for wrong in ("", "x"))
    assert web["secret"] not in repr(row)


def test_what_no_application_can_be_is_refused(applications: Applications) -> None:
    made = applications.create(name="a" * 50)
    cases = [
        ({}, "INVALID_NAME"), ({"name": ""}, "INVALID_NAME"), ({"name": " "}, "INVALID_NAME"),
        ({"name": "a" * 51}, "INVALID_NAME"), ({"name": "a\x00"}, "INVALID_NAME"),
    ]  # fmt: skip
    for application, reason in cases:
        assert refusal(lambda a=application: applications.create(**a)) == (INVALID, reason), application
        update = refusal(
            lambda a=application: applications.ask("UpdateApplication", clientId=made["clientId"], application=a)
        )
        assert update == (INVALID, reason), application
    mobile = refusal(lambda: applications.create(name="a", type="mobileapp"))
    assert mobile == (INVALID, "INVALID_APPLICATION_TYPE")
    assert applications.ask("ListApplications") == {"applications": [made]}


def test_unknown_and_foreign_applications_look_alike(applications: Applications) -> None:
    other = Applications(applications.caller, applications.caller.installation.new_tenant("other"), "operator")
    foreign = other.create(name="theirs")
    for client_id in (NOBODY, foreign["clientId"], "x", ""):
        for method, body in (
            ("GetApplication", {}), ("UpdateApplication", {"application": {"name": "mine"}}), ("DeleteApplication", {}),
            ("GetApplicationScopes", {}), ("PutApplicationScopes", {"scopes": {"scopes": ["a"]}}),
        ):  # fmt: skip
            asked = refusal(lambda m=method, c=client_id, b=body: applications.ask(m, clientId=c, **b))
            assert asked == UNKNOWN, (method, client_id)
    assert other.ask("GetApplication", clientId=foreign["clientId"]) == foreign


def test_a_tenant_has_two_hundred_applications_at_most(applications: Applications) -> None:
    with applications.caller.installation.runtime.store.write() as work:
        for number in range(199):
            facts = {"name": f"app {number}", "type": "singlepageapp", "created_at": 0}
            work.session.add(Client(id=new_id(ENTROPY), tenant_id=applications.tenant_id, **facts))
    last = applications.create(name="the last")
    assert refusal(lambda: applications.create(name="one more")) == (INVALID, "TOO_MANY_APPLICATIONS")
    applications.ask("DeleteApplication", clientId=last["clientId"])
    applications.create(name="one more")


def test_scopes_are_replaced_as_a_whole_and_keep_their_order(applications: Applications) -> None:
    client_id = applications.create(name="Web")["clientId"]
    assert applications.ask("GetApplicationScopes", clientId=client_id) == {"scopes": []}
    assert applications.put_scopes(client_id, ["write", "read", "write"]) == ["write", "read"]
    for scopes in (["read", "a.b_9", "w" * 49], [f"s{number}" for number in range(50)], []):
        assert applications.put_scopes(client_id, scopes) == scopes
        assert applications.ask("GetApplicationScopes", "reader", clientId=client_id) == {"scopes": scopes}
        assert applications.ask("GetApplication", clientId=client_id)["scopes"] == scopes
    applications.put_scopes(client_id, ["kept"])
    bad = ["", "Read", "a b", "a-b", "ä", "w" * 50, "appid", "appid_x", "openid", "openid.x", "a\n", "a/b"]
    for scope in bad:
        asked = refusal(lambda s=scope: applications.put_scopes(client_id, ["fine", s]))
        assert asked == (INVALID, "INVALID_SCOPE"), scope
    absent = refusal(lambda: applications.ask("PutApplicationScopes", clientId=client_id, scopes={}))
    assert absent == (INVALID, "FIELD_MISSING"), "only a list that is there takes scopes away"
    many = refusal(lambda: applications.put_scopes(client_id, [f"s{number}" for number in range(51)]))
    assert many == (INVALID, "TOO_MANY_SCOPES")
    assert applications.ask("GetApplicationScopes", clientId=client_id) == {"scopes": ["kept"]}


def test_a_deleted_application_takes_its_grants_and_codes_along(applications: Applications) -> None:
    doomed, spared = (applications.create(name=name)["clientId"] for name in ("doomed", "spared"))
    runtime = applications.caller.installation.runtime
    with runtime.store.write() as work:
        for client_id in (doomed, spared):
            facts = {"tenant_id": applications.tenant_id, "client_id": client_id, "auth_time": 0, "expires_at": 2**40}
            work.add(
                Grant(id=client_id, kind="rotating", audience="appid", subject="s", created_at=0, **facts),
                AuthorizationCode(digest=client_id, subject="s", **facts),
            )
    applications.ask("DeleteApplication", clientId=doomed)
    grants, codes = table_of(Grant), table_of(AuthorizationCode)
    with runtime.store.read() as work:
        living = {row.id for row in work.rows(select(grants).where(grants.c.revoked_at.is_(None)))}
        usable = {row.digest for row in work.rows(select(codes).where(codes.c.used_at.is_(None)))}
    assert (living, usable) == ({spared}, {spared})


def test_an_application_of_a_writer_is_seen_by_the_next_reader_at_once(applications: Applications) -> None:
    reader = bearer(applications.caller.token(applications.caller.installation.api_keys["reader"]))
    for number in range(3):
        applications.create(name=f"app {number}")
        asked = applications.caller.ask(f"{SERVICE}/ListApplications", {"tenantId": applications.tenant_id}, **reader)
        assert len(asked["applications"]) == number + 1
