"""Copy of directory users with their password hashes, and of all other profiles; one page at a time in memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx

from ostiary.migrating.copying import Copying
from ostiary.migrating.management import ApiError, Json, ManagementApi
from ostiary.migrating.reading import READINGS, People, name_of
from ostiary.migrating.report import CREATED, LEFT, UNCHANGED

USERS, PROFILES = "users", "profiles"
FOUND = "found"
"""The outcome of people in a dry run: which of them are there already only an import tells."""
_THERE = frozenset({"EMAIL_TAKEN", "USERNAME_TAKEN", "PROFILE_EXISTS"})
_HASH = ("HASH", "ENCRYPTION_SECRET")
Send = Callable[[ManagementApi, list[Json]], Json]


def copy_users(copying: Copying) -> None:
    """Users of the Cloud Directory. Hashes travel encrypted with a secret of this copy alone.

    Users who are there already, by mail address or name, are left alone: they may have another password by now.
    """
    secret, subs = secrets.token_urlsafe(32), _subs(copying)

    def send(target: ManagementApi, users: list[Json]) -> Json:
        return target.send("POST", "cloud_directory/import", {"users": users}, encryption_secret=secret)

    for page in _exported(copying, USERS, "cloud_directory/export", encryption_secret=secret):
        users = [{**user, "sub": subs[name]} if (name := name_of(user)) in subs else user for user in page]
        refused = _import(copying, USERS, users, send).refused
        _without_passwords(copying, [user for user in users if name_of(user) in refused], refused, send)


def _subs(copying: Copying) -> dict[str, str]:
    """The ids of profiles at the source by the directory ids of their users, so that applications know people again."""
    subs: dict[str, str] = {}
    if copying.dry_run or copying.target is None:
        return subs
    try:
        for profiles in People(copying.source, "users", {"dataScope": "full"}).pages():
            subs |= {
                str(identity.get("id")): str(profile["id"])
                for profile in profiles
                for identity in profile.get("identities") or []
                if profile.get("id") and identity.get("provider") == "cloud_directory"
            }
    except ApiError as error:
        if not error.status:
            raise
        why = f"new for directory users, since the source does not show their profiles: {error}"
        copying.report.note("ids of profiles (`sub`)", "all", why)
    return subs


def copy_profiles(copying: Copying) -> None:
    """Profiles of people whom other providers know, and of those who were registered in advance."""
    for profiles in _exported(copying, PROFILES, "users/export"):
        _import(copying, PROFILES, profiles, _send_profiles)


def _exported(copying: Copying, part: str, path: str, **query: str) -> Iterator[list[Json]]:
    """The pages of an export; a source that refuses it is reported, and so is one that did not give all."""
    people = People(copying.source, path, query)
    copying.progress(part, 0, 0)
    try:
        for page in people.pages():
            yield page
            copying.progress(part, people.came, max(people.total or 0, people.came))
    except ApiError as error:
        if error.status in (404, 405):
            copying.report.left(part, "all", "the source has no such export")
        elif error.status in (400, 403):
            why = f"the source refuses the export, of which a Manager's API key is asked: {error}"
            copying.report.failed(part, f"after {people.came}", why)
        else:
            raise
    else:
        _compare(copying, part, people)


def _compare(copying: Copying, part: str, people: People) -> None:
    """Says it when another number came than the source says it has, or when it changed all the time."""
    item = f"{people.came} came, the source says it has {people.total}"
    if not people.is_complete:
        copying.report.failed(part, item, f"it was read {READINGS} times; repeat the same command for who is missing")
    elif people.changed:
        copying.report.note(part, item, "it changed while it was read; repeat the same command for who may be missing")
    elif people.total is not None and people.came != people.total:
        copying.report.note(part, item, "it changed while it was read, or counts otherwise")


def _send_profiles(target: ManagementApi, profiles: list[Json]) -> Json:
    brought = [{**profile, "sub": profile["id"]} if profile.get("id") else profile for profile in profiles]
    return target.send("POST", "users/import", {"users": brought})


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of a page: how many users were added, and whose password hash was refused, with the reason."""

    added: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def _import(copying: Copying, part: str, people: list[Json], send: Send) -> Sent:
    """Sends a page."""
    if copying.dry_run or copying.target is None:
        copying.report.count(part, FOUND, len(people))
        return Sent()
    if not people:
        return Sent()
    try:
        answer = send(copying.target, people)
    except ApiError as error:
        if error.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE and len(people) > 1:
            first, second = (_import(copying, part, half, send) for half in _halves(people))
            return Sent(first.added + second.added, first.refused | second.refused)
        if not error.status:
            raise
        copying.report.failed(part, f"{len(people)} from {name_of(people[0])}", f"the target refuses them: {error}")
        return Sent()
    added = int(answer.get("added") or 0)
    copying.report.count(part, CREATED, added)
    hashes: dict[str, str] = {}
    for failure in answer.get("failReasons") or []:
        name, (code, why) = name_of(failure), _why(failure)
        if code in _THERE or (not code and "already exists" in why):  # the vendor has no codes here
            copying.report.count(part, UNCHANGED)
        elif any(word in code for word in _HASH):
            hashes[name] = why
        else:
            copying.report.failed(part, name, why)
    for left_out in (answer.get("leftOut") or {}).get("reasons") or []:
        copying.report.left("past passwords", name_of(left_out), _why(left_out)[1])
    return Sent(added, hashes)


def _halves(people: list[Json]) -> tuple[list[Json], list[Json]]:
    middle = len(people) // 2
    return people[:middle], people[middle:]


def _without_passwords(copying: Copying, users: list[Json], refused: dict[str, str], send: Send) -> None:
    """Users whose hash the target cannot open: without a password if that is wanted, else not at all."""
    if not users:
        return
    if not copying.reset_passwords:
        for user in users:
            why = f"{refused[name_of(user)]} (--reset-passwords takes such users without a password)"
            copying.report.left(USERS, name_of(user), why)
        return
    bare = [{**user, "scimUser": {**user["scimUser"], "passwordHistory": []}, "passwordHash": ""} for user in users]
    added = _import(copying, USERS, bare, send).added
    copying.report.count("passwords", LEFT, added)


def _why(failure: Json) -> tuple[str, str]:
    error = failure.get("error")
    if isinstance(error, dict):
        return str(error.get("code", "")), f"{error.get('message', '')} ({error.get('code', '')})"
    return "", str(error or failure.get("reason") or failure)
