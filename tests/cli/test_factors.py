"""`ostiary factors`: what an operator sees and removes for whoever has lost a device."""

from __future__ import annotations

from pathlib import Path

from kit.accounts.people import new_person
from kit.audited import audited
from kit.servers.command import Ended, ostiary_here
from kit.servers.databases import place_schema
from kit.servers.installation import ENTROPY, Installation

from ostiary.clock import FixedClock, SystemClock
from ostiary.config import Settings
from ostiary.directory.factors.factors import RECOVERY, TOTP, NewFactor, add_factor
from ostiary.runtime import open_runtime


def test_factors_are_listed_and_removed_by_any_name_of_the_user(database: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> Ended:
        return ostiary_here(*arguments, cwd=tmp_path, OSTIARY_DATABASE=database, OSTIARY_ARGON2_MEMORY_KIB="64")

    place_schema(database)
    tenant_id = run("init", "--json").json()["tenantId"]
    clock = FixedClock(SystemClock().now_ms())
    runtime = open_runtime(Settings(database=database, data=tmp_path / "var"), clock=clock)
    made = Installation(runtime, clock, tenant_id, {})
    ann, ben = new_person(made, tenant_id, "ann"), new_person(made, tenant_id, "ben")
    with runtime.store.write() as work:
        enrolled = [
            add_factor(work, runtime.sealing, tenant_id, user.id, NewFactor(kind, secret="planted"), ENTROPY, 1)
            for user, kind in ((ann, TOTP), (ann, TOTP), (ann, RECOVERY), (ben, TOTP))
        ]
    one, two, codes, other = enrolled
    listed = [
        run("factors", "list", name, "--tenant", tenant_id, "--json") for name in (ann.id, "ann", "ANN@example.com")
    ]
    assert [{factor["id"] for factor in each.json()} for each in listed] == [{one, two, codes}] * 3
    assert "planted" not in run("factors", "list", "ann", "--tenant", tenant_id).stdout
    of_ann = ("--user", "ann", "--tenant", tenant_id)
    assert [gone["id"] for gone in run("factors", "remove", one, *of_ann, "--json").json()] == [one]
    for wrong in (("remove", other, *of_ann), ("remove", one, *of_ann), ("list", "nobody", "--tenant", tenant_id)):
        refused = run("factors", *wrong)
        assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert run("factors", "remove", *of_ann).code == 2, "neither an id nor --all"
    assert {gone["id"] for gone in run("factors", "remove", "--all", *of_ann, "--json").json()} == {two, codes}
    assert "no factors" in run("factors", "remove", "--all", *of_ann).stdout
    removed = [row for row in audited(made) if row.action == "factor.delete"]
    told = {(row.target_id, row.target_name, row.initiator_kind) for row in removed}
    assert told == {(one, TOTP, "command_line"), (two, TOTP, "command_line"), (codes, RECOVERY, "command_line")}
    runtime.close()
