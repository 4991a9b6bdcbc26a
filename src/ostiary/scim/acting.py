"""Interface of what a request gives to the operations on resources: who asks, for which tenant, and the store."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ostiary.access.principals import Principal
from ostiary.access.reach import Reach
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class Acting(Protocol):
    """A request, as far as the operations on resources need it."""

    principal: Principal
    audit_target: str
    reach: Reach | None

    @property
    def tenant_id(self) -> str:
        """The tenant on which it acts."""
        ...

    @property
    def required_tenant(self) -> TenantView:
        """The same, with its settings."""
        ...

    @property
    def work(self) -> Work:
        """Rows to read, and to change where the request has a transaction."""
        ...

    @property
    def reading(self) -> Work:
        """Rows to read."""
        ...

    def release(self) -> None:
        """Gives the reading connection back, before slow work."""
        ...

    def transaction(self) -> AbstractContextManager[Work]:
        """The transaction of a change, which the request records."""
        ...
