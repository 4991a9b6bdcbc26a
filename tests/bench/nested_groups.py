"""Rights of a user who has a role through five groups, one in the other: what every sign-in and request asks."""

from __future__ import annotations

import time
from contextlib import closing

from kit.servers.served import Served

from bench.processes import cpu_seconds, database_processes
from bench.table import Row
from ostiary.clock import SystemClock
from ostiary.directory.groups.groups import GroupDescription, create_group
from ostiary.directory.groups.membership import add_member
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import Holder, installation_operator
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.rights import rights_of_user
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.ids import SystemEntropy
from ostiary.store.engine import Store
from ostiary.store.tables import GROUP, USER
from ostiary.store.work import Work

DEEP, TIMES = 5, 2_000
MOST_US = 1_000


def nested_row(store: str, server: Served, tenant_id: str) -> Row:
    """CPU of one statement, of this process and of PostgreSQL, in the process of the bench: no request is around it."""
    now_ms = SystemClock().now_ms()
    with closing(Store(server.database)) as database:
        with database.write() as work:
            user = _user_in_groups(work, tenant_id, now_ms)
        servers = database_processes(server.database)
        with database.read() as work:
            assert Permission.ORGANIZATION_OWN in rights_of_user(work, tenant_id, user, now_ms), (
                "by the outermost group"
            )
            began, ours, theirs = time.perf_counter(), time.process_time(), cpu_seconds(servers)
            for _ in range(TIMES):
                rights_of_user(work, tenant_id, user, now_ms)
            rate = TIMES / (time.perf_counter() - began)
            spent = 1e6 * (time.process_time() - ours + cpu_seconds(servers) - theirs) / TIMES
    measured, goal = f"{spent:,.0f} µs", f"≤ {MOST_US:,} µs, database included"
    return Row(store, f"role through {DEEP} nested groups", rate, 0, 0, 0, spent, 0, measured, goal, spent <= MOST_US)


def _user_in_groups(work: Work, tenant_id: str, now_ms: int) -> str:
    entropy = SystemEntropy()
    user = create_user(work, tenant_id, NewUser(emails=[Contact("deep@bench.example")]), None, entropy, now_ms)
    member = Holder(user.id, USER)
    for level in range(DEEP):
        group = create_group(work, tenant_id, GroupDescription(f"level {level}"), entropy, now_ms)
        add_member(work, tenant_id, group.id, member, installation_operator, now_ms)
        member = Holder(group.id, GROUP)
    bind_role(work, tenant_id, member.id, "org_owner", now_ms, kind=GROUP)
    return user.id
