"""How the databases find the rows of hot statements. Without statistics SQLite takes the first index that fits, and one
that narrows to the tenant and no further reads all of its users for one of them."""

from __future__ import annotations

import re
from contextlib import closing
from itertools import pairwise
from sqlite3 import SQLITE_OK
from typing import Any

import pytest
from kit.servers.databases import PostgresServer, make_schema
from kit.stored.rows import TENANT, tenant
from kit.stored.statements import statements
from sqlalchemy import create_engine, insert, literal, select

from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY, IdentityView, identity_row, profile_row
from ostiary.directory.roles.nesting import users_of, with_nested
from ostiary.directory.users.contacts import Contact, email_rows
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import user_row
from ostiary.store.engine import Store
from ostiary.store.prepared import Prepared
from ostiary.store.tables import (
    Group,
    GroupMember,
    Identity,
    OrganizationRole,
    Password,
    Profile,
    RoleBinding,
    User,
    UserEmail,
    table_of,
)
from ostiary.store.work import Work

TOO_WIDE = re.compile(r"SCAN (?!\w+ VIRTUAL|holders?\b|belongs\b|CONSTANT ROW)|\(tenant_id=\?\)")
"""`holders` and `belongs` are the rows that a recursive statement has found itself."""
READS_ALL = re.compile(r"Seq Scan on (users|user_emails|profiles|identities|passwords|role_bindings|group_members)\b")
MANY = 2_000
FILLED = (User, UserEmail, Profile, Identity, Password, Group, GroupMember, OrganizationRole, RoleBinding)


def test_no_prepared_statement_reads_a_whole_tenant(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/plans.sqlite3"
    make_schema(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        seen = [plan_of(connection, each) for each in statements()]
    engine.dispose()
    assert len(seen) > 20
    assert [(sql, plan) for sql, plan in seen if TOO_WIDE.search(plan)] == []


def test_sqlite_compiles_each_prepared_query_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A parameter that is compared with the column of a partial index makes SQLite ask of each new value whether the
    index serves, and compile the statement anew: that takes ten times as long as its execution."""
    url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/plans.sqlite3"
    make_schema(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        compiled: list[str] = []
        driver.set_authorizer(lambda *asked: compiled.append("") or SQLITE_OK)
        again = [
            sql for each in statements() if is_compiled_again(driver, sql := each.sql(connection.dialect), compiled)
        ]
    engine.dispose()
    assert len(compiled) > 1_000
    assert again == []


def is_compiled_again(driver: Any, sql: str, compiled: list[str]) -> bool:
    """Whether SQLite compiles a query when it is executed with other values; it asks the authorizer then."""
    if not sql.startswith(("SELECT", "WITH")):
        return False
    driver.execute(sql, ("1",) * sql.count("?")).fetchall()
    before = len(compiled)
    driver.execute(sql, ("2",) * sql.count("?")).fetchall()
    return len(compiled) > before


def test_no_prepared_statement_reads_all_users_on_postgresql(postgres: PostgresServer) -> None:
    """PostgreSQL uses an index only for comparisons in the index's own collation."""
    url = postgres.new_database()
    make_schema(url)
    with closing(Store(url)) as store:
        with store.write() as work:
            work.add(tenant(TENANT, "acme"))
            people(work)
        store.tidy(*(table_of(model) for model in FILLED))
        with store.writing.connect() as connection:
            connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
            seen = [plan_on_postgresql(connection, each) for each in statements()]
    postgres.drop(url)
    assert len(seen) > 20
    assert [(sql, plan) for sql, plan in seen if READS_ALL.search(plan)] == []


def test_without_statistics_the_members_of_groups_are_looked_up_by_the_groups(postgres: PostgresServer) -> None:
    """PostgreSQL takes a table without statistics for nearly empty, and then the order in which it joins is chance: the
    wrong one compares each member with each that it has found."""
    url = postgres.new_database()
    make_schema(url)
    with closing(Store(url)) as store:
        with store.writing.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE group_members SET (autovacuum_enabled = false)")
        with store.write() as work:
            work.add(tenant(TENANT, "acme"))
            people(work)
        with store.writing.connect() as connection:
            connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
            nested = with_nested(select(literal("g" + "0" * 35).label("id")))
            plan = plan_on_postgresql(connection, Prepared(users_of(nested)))[1]
    postgres.drop(url)
    assert not READS_ALL.search(plan)
    assert "Index Cond: ((group_id)::text = ANY (" in plan
    assert "Index Cond: ((tenant_id)" not in plan


def people(work: Work) -> None:
    """Many users of one tenant, each with a mail address, a password, a profile, roles and groups; groups that nest
    and hold roles; roles of the tenant's own. PostgreSQL reads a table of few pages whole, whatever is asked of it."""
    ids = [f"{number:036}" for number in range(MANY)]
    new = {each: NewUser(emails=(Contact(f"{each}@example.com", primary=True),)) for each in ids}
    groups, roles = [f"g{number:035}" for number in range(200)], [f"r{number:035}" for number in range(20)]
    rows = {
        User: [user_row(TENANT, each, new[each], new[each].emails[0], 1) for each in ids],
        UserEmail: [row for each in ids for row in email_rows(TENANT, each, new[each].emails)],
        Profile: [profile_row(TENANT, f"p{each[1:]}", {}, 1) for each in ids],
        Identity: [
            identity_row(TENANT, f"p{each[1:]}", IdentityView(CLOUD_DIRECTORY, each, "{}"), f"{each}@example.com")
            for each in ids
        ],
        Password: [Password(tenant_id=TENANT, user_id=each, hash="", changed_at=1).model_dump() for each in ids],
        Group: [
            Group(id=each, tenant_id=TENANT, display_name=each, display_name_key=each, created_at=1, modified_at=1)
            .model_dump() for each in groups
        ],
        GroupMember: [
            *(
                member(groups[(place + step) % len(groups)], each, "User")
                for place, each in enumerate(ids)
                for step in range(5)
            ),
            *(member(outer, inner, "Group") for inner, outer in pairwise(groups)),
        ],
        OrganizationRole: [
            OrganizationRole(id=each, tenant_id=TENANT, name=each, name_key=each, display_name=each,
                             permissions="organization.read", created_at=1, modified_at=1).model_dump()
            for each in roles
        ],
        RoleBinding: [
            *(binding(each, "User", role) for each in ids for role in ("org_member", "org_owner")),
            *(binding(each, "Group", roles[place % len(roles)]) for place, each in enumerate(groups)),
        ],
    }  # fmt: skip
    for model, of_model in rows.items():
        work.run(insert(table_of(model)), of_model)


def member(group_id: str, member_id: str, kind: str) -> dict[str, Any]:
    return {"tenant_id": TENANT, "group_id": group_id, "member_id": member_id, "member_type": kind}


def binding(holder_id: str, kind: str, role: str) -> dict[str, Any]:
    return RoleBinding(tenant_id=TENANT, holder_id=holder_id, holder_type=kind, role=role, created_at=1).model_dump()


def plan_of(connection: Any, statement: Prepared) -> tuple[str, str]:
    """The text of a statement and what SQLite says it will do."""
    sql = statement.sql(connection.dialect)
    driver = connection.connection.dbapi_connection
    rows = driver.execute(f"EXPLAIN QUERY PLAN {sql}", ("x",) * sql.count("?")).fetchall()
    return sql, " | ".join(row[3] for row in rows)


def plan_on_postgresql(connection: Any, statement: Prepared) -> tuple[str, str]:
    """The same of PostgreSQL, for values that it does not know: what it does once a statement was asked a few times."""
    sql = statement.sql(connection.dialect)
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", sql).replace("%%", "%")
    connection.exec_driver_sql(f"PREPARE asked AS {numbered}")
    values = f"({', '.join(['NULL'] * len(names))})" if names else ""
    rows = connection.exec_driver_sql(f"EXPLAIN EXECUTE asked{values}").all()
    connection.exec_driver_sql("DEALLOCATE asked")
    return sql, "".join(f"{row[0]}\n" for row in rows)
