"""Applications with their scopes, roles, and the roles of applications."""

from __future__ import annotations

from functools import partial

from ostiary.migrating.copying import Copying, says, without_nulls
from ostiary.migrating.management import ApiError, Json, ManagementApi
from ostiary.migrating.report import CHANGED, CREATED, UNCHANGED

APPLICATIONS, ROLES = "applications", "roles"


def listed(api: ManagementApi, what: str) -> list[Json]:
    """All applications or roles of a tenant."""
    found: list[Json] = (api.get(what) or {}).get(what) or []
    return found


def copy_applications(copying: Copying) -> None:
    """Copies the applications; each is found again by its id, else by name and type."""
    wanted = listed(copying.source, APPLICATIONS)
    named = {application.get("clientId") for application in wanted}
    present = listed(copying.target, APPLICATIONS) if copying.target is not None else []
    for number, application in enumerate(wanted):
        copying.progress(APPLICATIONS, number, len(wanted))
        there = _found(present, application, named)
        if there is None:
            there = _made(copying, application)
        elif there.get("name") != application.get("name"):
            name, path = {"name": application["name"]}, f"applications/{there['clientId']}"
            copying.write(APPLICATIONS, name["name"], partial(_put, path=path, document=name))
        else:
            copying.report.count(APPLICATIONS, UNCHANGED)
        if there is not None:
            present = [each for each in present if each is not there]
            _match(copying, application, there)
    copying.progress(APPLICATIONS, len(wanted), len(wanted))


def _found(present: list[Json], application: Json, named: set[object]) -> Json | None:
    """Returns the application at the target. `named` are the ids at the source: an application with one of them is the
    same one, and no other of the same name is."""
    same_id = (each for each in present if each.get("clientId") == application.get("clientId"))
    same_name = (
        each
        for each in present
        if each.get("clientId") not in named
        and all(each.get(name) == application.get(name) for name in ("name", "type"))
    )
    return next(same_id, None) or next(same_name, None)


def _put(target: ManagementApi, path: str, document: Json) -> Json:
    return target.send("PUT", path, document)


def _made(copying: Copying, application: Json) -> Json | None:
    made: Json | None = copying.write(
        APPLICATIONS, str(application.get("name")), lambda target: copying.make_application(application), CREATED
    )
    if made and made["clientId"] == application["clientId"] and made.get("secret") != application.get("secret"):
        why = "has a new secret, since the source hides the old one; change it in its configuration"
        copying.report.note(APPLICATIONS, f"{application.get('name')} ({made['clientId']})", why)
    return made


def _match(copying: Copying, application: Json, there: Json) -> None:
    old, new = str(application["clientId"]), str(there["clientId"])
    copying.application_ids[old] = new
    copying.report.applications.append({"name": str(application.get("name")), "clientId": old, "newClientId": new})
    if old != new:
        why = f"has another client id and secret now: {new}; change them in its configuration"
        copying.report.note(APPLICATIONS, f"{application.get('name')} ({old})", why)
    scopes = (copying.source.get(f"applications/{old}/scopes") or {}).get("scopes") or []
    present = (copying.present(f"applications/{new}/scopes") or {}).get("scopes") or []
    if scopes != present:
        put = partial(_put, path=f"applications/{new}/scopes", document={"scopes": scopes})
        copying.write("scopes", str(application.get("name")), put)


def copy_roles(copying: Copying) -> None:
    """Copies the roles, each found again by its name; then the roles that applications themselves have."""
    present = {_key(role): role for role in (listed(copying.target, ROLES) if copying.target is not None else [])}
    wanted = listed(copying.source, ROLES)
    for number, role in enumerate(wanted):
        copying.progress(ROLES, number, len(wanted))
        _copy_role(copying, role, present.get(_key(role)))
    for old, new in copying.application_ids.items():
        _copy_roles_of(copying, old, new)
    copying.progress(ROLES, len(wanted), len(wanted))


def _key(role: Json) -> str:
    return str(role.get("name", "")).casefold()


def _copy_role(copying: Copying, role: Json, there: Json | None) -> None:
    wanted = without_nulls({name: role.get(name) for name in ("name", "description")})
    wanted["access"] = _access(copying, role)
    name = str(role.get("name"))
    if there is None:
        made = copying.write(ROLES, name, lambda target: target.send("POST", ROLES, wanted), CREATED)
        there = made or {}
    elif _says(there, wanted):
        copying.report.count(ROLES, UNCHANGED)
    else:
        copying.write(ROLES, name, partial(_put, path=f"roles/{there['id']}", document=wanted), CHANGED)
    if there.get("id"):
        copying.role_ids[str(role.get("id"))] = str(there["id"])


def _access(copying: Copying, role: Json) -> list[Json]:
    """Returns what the role gives, by the applications' ids at the target; in a dry run some of them do not exist
    yet."""
    return [
        {"application_id": copying.application_ids[each["application_id"]], "scopes": each.get("scopes") or []}
        for each in role.get("access") or []
        if each.get("application_id") in copying.application_ids
    ]


def _says(there: Json, wanted: Json) -> bool:
    def scopes(role: Json) -> dict[str, list[str]]:
        return {each["application_id"]: sorted(each.get("scopes") or []) for each in role.get("access") or []}

    rest = {name: value for name, value in wanted.items() if name != "access"}
    return says(there, rest) and scopes(there) == scopes(wanted)


def _copy_roles_of(copying: Copying, old: str, new: str) -> None:
    def held(document: Json | None) -> set[str]:
        return {str(role["id"]) for role in (document or {}).get("roles") or []}

    try:
        there = held(copying.source.get(f"applications/{old}/roles"))
    except ApiError as error:  # older servers do not have it
        copying.report.left(ROLES, f"of application {old}", f"the source does not tell: {error}")
        return
    wanted = {copying.role_ids[each] for each in there if each in copying.role_ids}
    path = f"applications/{new}/roles"
    if wanted != held(copying.present(path)):
        assignment = {"roles": {"ids": sorted(wanted)}}
        copying.write("roles of applications", new, partial(_put, path=path, document=assignment))
