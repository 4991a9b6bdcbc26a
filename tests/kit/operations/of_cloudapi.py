"""What operations of cloudapi are asked about: new things, since some delete theirs, and a caller who may ask."""

from __future__ import annotations

from typing import Any

CLOUDAPI = "/cloudapi/1.0.0"
LANGUAGE = "internal:localLanguage"
NOT_SAID: dict[str, Any] = dict.fromkeys(
    ("orgEntityRef", "managerEntityRef", "roleEntityRef", "providerType", "locked", "description", "isEnabled",
     "isClassicTenant")
)  # fmt: skip
"""Fields that only some values of other things fit."""


def things_of_cloudapi(world: Any, path: str, method: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Values by the names that the document has for them (None: left out), and headers in place of the usual ones."""
    kind = path.removeprefix(f"{CLOUDAPI}/").partition("/")[0]
    if not path.startswith(CLOUDAPI) or kind not in ("orgs", "roles", "rights", "groups", "users", "preferences"):
        return {}, {}
    name = f"{kind}-{next(world.numbers)}"
    headers = {"authorization": f"Bearer {world.server.token(world.server.credentials['operatorApikey'])}"}
    values = {**NOT_SAID, "name": name, "roleEntityRefs": [{"name": "org_member"}]}
    if "preferences" in path:
        values |= {"classifier": LANGUAGE, "value": "de", "name": None}
    if kind == "users":
        values |= {"id": world.user()[0]["id"], "username": name, "email": f"{name}@example.com"}
    if kind in ("groups", "roles") and "{id}" in path:
        values["id"] = made(world, kind, f"{name}-made")
    if kind == "rights":
        values["id"] = found(world, "rights")
    if path.endswith("/rights"):
        values["values"] = [{"name": "organization.read"}]
    if kind != "orgs":
        return values, {}
    if method in ("post", "delete"):
        values["id"] = made(world, kind, f"{name}-made", headers, displayName="x") if method == "delete" else None
        return values, headers
    return {**values, "id": world.server.credentials["tenantId"], "name": None}, {}


def made(world: Any, kind: str, name: str, headers: dict[str, str] | None = None, **facts: Any) -> str:
    """The id of something new."""
    url = f"{world.server.url}{CLOUDAPI}/{kind}"
    urn: str = world.asked("POST", url, json={"name": name, **facts}, headers=headers or world.server.manager())["id"]
    return urn


def found(world: Any, kind: str) -> str:
    """The id of something that is there."""
    url = f"{world.server.url}{CLOUDAPI}/{kind}"
    urn: str = world.asked("GET", url, headers=world.server.manager())["values"][0]["id"]
    return urn
