"""`ostiary service-definition` and `ostiary preference-definition`, and what people see of it at the next request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit.accounts.organization import Organization
from kit.audited import audited
from kit.callers import Caller
from kit.servers.command import Ended, ostiary_here

Run = Callable[..., Ended]


@pytest.fixture
def run(shared_caller: Caller, tmp_path: Path) -> Run:
    settings = shared_caller.installation.runtime.settings
    assert settings.master_key is not None
    variables = {
        "OSTIARY_DATABASE": settings.database, "OSTIARY_MASTER_KEY": settings.master_key.get_secret_value(),
        "OSTIARY_DATA": str(settings.data),
    }  # fmt: skip
    return lambda *arguments: ostiary_here(*arguments, cwd=tmp_path, **variables)


@pytest.fixture
def org(shared_caller: Caller) -> Organization:
    return Organization(shared_caller)


def complains(ended: Ended, about: str) -> bool:
    return (ended.code, ended.stdout, ended.stderr.count("\n"), about in ended.stderr) == (1, "", 1, True)


def test_a_service_is_defined_given_and_deleted(run: Run, org: Organization) -> None:
    name = f"cat{org.name.replace('-', '')}"
    made = run(
        "service-definition", "create", name, "--display-name", "Catalog", "--role", f"{name}:admin=Administrator",
        "--role", f"{name}:user", "--url", "serviceHome=https://catalog.example.com?a=b", "--beta", "--json",
    ).json()  # fmt: skip
    assert (made["displayName"], made["beta"], made["visible"], made["gated"]) == ("Catalog", True, True, False)
    assert made["urls"] == {"serviceHome": "https://catalog.example.com?a=b"}
    assert [(role["name"], role["displayName"]) for role in made["roles"]] == [
        (f"{name}:admin", "Administrator"), (f"{name}:user", f"{name}:user")
    ]  # fmt: skip
    assert run("service-definition", "show", name.upper(), "--json").json() == made
    assert made in run("service-definition", "list", "--json").json()
    assert f"{made['id']}  {name}" in run("service-definition", "list").stdout
    assert run("service-definition", "add-role", name, f"{name}:viewer=Viewer").code == 0
    update: dict[str, Any] = {
        "serviceDefinitionLink": f"/csp/gateway/slc/api/definitions/external/{made['id']}",
        "roleNamesToAdd": [f"{name}:viewer", f"{name}:admin"],
    }
    path = {"orgId": org.id, "userId": org.member.id}
    org.ask("UserService/UpdateUserServiceRoles", org.owner, **path, update=update)
    left = run("service-definition", "remove-role", made["id"], f"{name}:VIEWER", "--json").json()
    assert [role["name"] for role in left["roles"]] == [f"{name}:admin", f"{name}:user"]
    assert org.held(org.member) == ["org_member", f"{name}:admin"]
    assert run("service-definition", "delete", name).code == 130, (
        "without --yes and without a person it deletes nothing"
    )
    assert run("service-definition", "delete", name, "--yes", "--json").json()["deleted"] is True
    assert org.held(org.member) == ["org_member"]
    actions = [row.action for row in audited(org.made) if row.target_id == made["id"]]
    assert actions == [f"ostiary.service-definition.{done}" for done in ("create", "add-role", "remove-role", "delete")]


def test_a_preference_is_defined_and_deleted(run: Run, org: Organization) -> None:
    classifier = f"ui:{org.name}"
    made = run(
        "preference-definition", "create", classifier, "--type", "INTEGER", "--min", "10", "--max", "50",
        "--default", "25", "--json",
    ).json()  # fmt: skip
    assert made == {
        "classifier": classifier, "name": classifier, "dataType": "INTEGER", "constrained": False, "allowedValues": [],
        "minValue": 10, "maxValue": 50, "defaultValue": "25",
    }  # fmt: skip
    assert run("preference-definition", "show", classifier, "--json").json() == made
    listed = {one["classifier"] for one in run("preference-definition", "list", "--json").json()}
    assert {classifier, "internal:localLanguage"} <= listed
    assert classifier in run("preference-definition", "list").stdout
    assert run("preference-definition", "delete", classifier, "--yes").code == 0
    assert complains(run("preference-definition", "show", classifier), "no preference")


def test_what_cannot_be_meant_is_refused_in_one_line(run: Run) -> None:
    for arguments, about in (
        (("service-definition", "create", "x", "--role", "admin"), "service:role"),
        (("service-definition", "create", "x", "--url", "home=https://x"), "home"),
        (("service-definition", "show", "unknown"), "no such service definition"),
        (("service-definition", "delete", "unknown", "--yes"), "no such service definition"),
        (("preference-definition", "create", "rows"), "scope:name"),
        (("preference-definition", "create", "ui:x", "--min", "1"), "INTEGER"),
        (("preference-definition", "create", "internal:localLanguage"), "already"),
        (("preference-definition", "delete", "internal:localLanguage", "--yes"), "built in"),
    ):
        assert complains(run(*arguments), about), arguments
