"""SCIM filters and orders as conditions on users (RFC 7644 §3.4.2.2, §3.4.2.3)."""

from __future__ import annotations

from typing import Any

import scim2_models as scim
from pydantic import ValidationError
from scim2_models.path import AttrPath, CompareOperator, Comparison, FilterNode, FilterVisitor, LogicalExpr
from scim2_models.path import LogicalOperator as Join
from sqlalchemy import ColumnElement, and_, or_

from ostiary.directory.user_search import EQUAL, ORDERS, external_id_is, sorted_by
from ostiary.errors import DomainError, invalid
from ostiary.services.scim.resources import ScimUser, refused

MAX_LENGTH = 4_096
MAX_DEPTH = 16
_NAMES = {name.lower(): name for name in (*EQUAL, "externalId")}
_ORDERS = {name.lower(): name for name in ORDERS}
_SCHEMA = str(scim.User.__schema__)


def read_filter(text: str, tenant_id: str, provisioner: str) -> ColumnElement[bool]:
    """The condition that a filter means; raises INVALID_FILTER."""
    if len(text) > MAX_LENGTH or "\0" in text or "\\u0000" in text:
        raise _invalid(f"it has at most {MAX_LENGTH} characters, and no NUL among them")
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


class _Conditions(FilterVisitor[ColumnElement[bool]]):
    """`eq`, joined by `and` and `or`."""

    def __init__(self, tenant_id: str, provisioner: str) -> None:
        self._tenant_id = tenant_id
        self._provisioner = provisioner
        self._depth = 0

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        name = self._attribute(node.attr_path)
        if node.op is not CompareOperator.eq:
            raise _invalid(f"the operator {node.op} is not offered; eq is")
        if isinstance(node.value, bool) != (name == "active") or not isinstance(node.value, str | bool):
            raise _invalid(f"{name} cannot be compared with such a value")
        if name == "externalId":
            return external_id_is(self._tenant_id, self._provisioner, str(node.value))
        return EQUAL[name](self._tenant_id, node.value)

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

    def visit_value_path(self, node: FilterNode) -> ColumnElement[bool]:
        raise _invalid("brackets after an attribute are not offered; compare emails.value instead")

    def _attribute(self, path: AttrPath) -> str:
        name = _NAMES.get(f"{path.attr}.{path.sub_attr}".lower() if path.sub_attr else path.attr.lower())
        if name is None or (path.uri or _SCHEMA).lower() != _SCHEMA.lower():
            raise _invalid(f"users can be found by {', '.join(_NAMES.values())}")
        return name


def _invalid(why: str) -> DomainError:
    return invalid("INVALID_FILTER", f"The filter cannot be used: {why}.", scim_type="invalidFilter")
