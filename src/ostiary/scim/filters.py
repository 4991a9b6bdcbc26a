"""SCIM filters and orders as conditions on users (RFC 7644 §3.4.2.2, §3.4.2.3)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import scim2_models as scim
from pydantic import ValidationError
from scim2_models.path import AttrPath, CompareOperator, Comparison, FilterVisitor, LogicalExpr, ValuePath
from scim2_models.path import LogicalOperator as Join
from sqlalchemy import ColumnElement, and_, or_

from ostiary.directory.users.search import CONTACTS, EQUAL, ORDERS, Contacts, external_id_is, has_contact, sorted_by
from ostiary.errors import DomainError, invalid
from ostiary.names import is_text
from ostiary.scim.resources import ScimUser, refused

MAX_LENGTH = 4_096
MAX_DEPTH = 16
_NAMES = {name.lower(): name for name in (*EQUAL, "externalId")}
_LISTS = {name.lower(): name for name in CONTACTS}
_ORDERS = {name.lower(): name for name in ORDERS}
_SCHEMA = str(scim.User.__schema__)


def read_filter(text: str, tenant_id: str, provisioner: str) -> ColumnElement[bool]:
    """The condition that a filter means; raises INVALID_FILTER."""
    if len(text) > MAX_LENGTH:
        raise _invalid(f"it has at most {MAX_LENGTH} characters")
    try:
        tree = scim.ScimFilter[ScimUser](text).ast
    except (ValidationError, scim.SCIMException) as error:
        raise refused("INVALID_FILTER", error) from error
    except RecursionError as error:
        raise _invalid("it nests too deep") from error
    return _Conditions(tenant_id, provisioner).visit(tree)


def read_order(sort_by: str, sort_order: str) -> tuple[ColumnElement[Any], ...]:
    """The order that a request asks for, by userName if it says nothing; raises INVALID_SORT."""
    if sort_order.lower() not in ("", "ascending", "descending"):
        raise invalid("INVALID_SORT", "sortOrder is ascending or descending.", scim_type="invalidValue")
    name = _ORDERS.get((sort_by or "userName").removeprefix(f"{_SCHEMA}:").lower())
    if name is None:
        raise invalid("INVALID_SORT", f"sortBy is one of {', '.join(ORDERS)}.", scim_type="invalidPath")
    return sorted_by(name, descending=sort_order.lower() == "descending")


class _Joined(FilterVisitor[ColumnElement[bool]], ABC):
    """Comparisons by `eq`, joined by `and` and `or`; what an attribute is compared with, `equal` says."""

    def __init__(self) -> None:
        self._depth = 0

    @abstractmethod
    def equal(self, path: AttrPath, value: str | bool) -> ColumnElement[bool]:
        """The condition that an attribute has a value; raises INVALID_FILTER."""

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        if node.op is not CompareOperator.eq:
            raise _invalid(f"the operator {node.op} is not offered; eq is")
        if not isinstance(node.value, str | bool):
            raise _invalid(f"{node.attr_path.attr} cannot be compared with such a value")
        if isinstance(node.value, str) and not is_text(node.value):
            raise _invalid("a value holds NUL or half a surrogate pair, which is no text")
        return self.equal(node.attr_path, node.value)

    def visit_logical_expr(self, node: LogicalExpr) -> ColumnElement[bool]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _invalid(f"it nests deeper than {MAX_DEPTH} brackets")
        terms = [self.visit(term) for term in node.terms]
        self._depth -= 1
        return and_(*terms) if node.op is Join.and_ else or_(*terms)

    def visit_present(self, node: Any) -> ColumnElement[bool]:
        raise _invalid("the operator pr is not offered; eq is")

    def visit_not(self, node: Any) -> ColumnElement[bool]:
        raise _invalid("not is not offered")

    def visit_value_path(self, node: ValuePath) -> ColumnElement[bool]:
        raise _invalid("brackets cannot be inside of brackets")


class _Conditions(_Joined):
    """Conditions on users."""

    def __init__(self, tenant_id: str, provisioner: str) -> None:
        super().__init__()
        self._tenant_id = tenant_id
        self._provisioner = provisioner

    def equal(self, path: AttrPath, value: str | bool) -> ColumnElement[bool]:
        name = _NAMES.get(f"{path.attr}.{path.sub_attr}".lower() if path.sub_attr else path.attr.lower())
        if name is None or not _is_core(path):
            raise _invalid(f"users can be found by {', '.join(_NAMES.values())}")
        if isinstance(value, bool) != (name == "active"):
            raise _invalid(f"{name} cannot be compared with such a value")
        if name == "externalId":
            return external_id_is(self._tenant_id, self._provisioner, str(value))
        return EQUAL[name](self._tenant_id, value)

    def visit_value_path(self, node: ValuePath) -> ColumnElement[bool]:
        """`emails[type eq "work"].value eq "x"`, which the parser reads as `emails[type eq "work" and value eq "x"]`:
        one entry must fulfil all of it."""
        path, name = node.attr_path, _LISTS.get(node.attr_path.attr.lower())
        if name is None or path.sub_attr or not _is_core(path):
            raise _invalid(f"brackets are offered after {' and '.join(CONTACTS)}")
        return has_contact(name, self._tenant_id, _Entry(CONTACTS[name]).visit(node.val_filter))


class _Entry(_Joined):
    """Conditions on one entry of a list of contacts."""

    def __init__(self, contacts: Contacts) -> None:
        super().__init__()
        self._contacts = contacts

    def equal(self, path: AttrPath, value: str | bool) -> ColumnElement[bool]:
        found = None if path.sub_attr or path.uri else self._contacts.equal(path.attr.lower(), value)
        if found is None:
            raise _invalid("in brackets, value and type are compared with texts, primary with true or false")
        return found


def _is_core(path: AttrPath) -> bool:
    return (path.uri or _SCHEMA).lower() == _SCHEMA.lower()


def _invalid(why: str) -> DomainError:
    return invalid("INVALID_FILTER", f"The filter cannot be used: {why}.", scim_type="invalidFilter")
