"""Details of an account: names and a telephone number, as a form has them and as the directory keeps them."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import UserChange
from ostiary.directory.users.users import UserView
from ostiary.http.forms import Form

DETAILS = ("given_name", "family_name", "display_name", "phone")
"""The fields of the form."""


def typed_details(form: Form) -> dict[str, str]:
    """Values that were typed into the form, by the names of its fields."""
    return {name: form.get(name).strip() for name in DETAILS}


def details_of(user: UserView) -> dict[str, str]:
    """Values that the form shows of a user, by the names of its fields."""
    phone = next((phone.value for phone in user.phones if phone.primary), "")
    return {
        "given_name": user.given_name, "family_name": user.family_name, "display_name": user.display_name,
        "phone": phone,
    }  # fmt: skip


def with_details(user: UserView, typed: Mapping[str, str]) -> UserChange:
    """The change of these details; all others stay. A formatted name is made anew of its parts where they change."""
    further, given, family = user.further, typed["given_name"], typed["family_name"]
    if (given, family) != (user.given_name, user.family_name) and "name" in further:
        further["name"] = {key: value for key, value in further["name"].items() if key != "formatted"}
    others = tuple(phone for phone in user.phones if not phone.primary and phone.value != typed["phone"])
    phones = (Contact(typed["phone"], primary=True), *others) if typed["phone"] else others
    return UserChange(
        given_name=given, family_name=family, display_name=typed["display_name"], locale=user.locale,
        phones=phones, further=further,
    )  # fmt: skip
