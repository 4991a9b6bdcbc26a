#!/usr/bin/env bash
# Python modules that protoc generates cannot be imported where a package of their first name is installed, although their
# folder comes FIRST in sys.path.
#
# CPython 3.11.7; grpcio-tools 1.85.1; PyPI identity 0.11.0, which has nothing to do with protobuf. protoc writes no
# __init__.py, so identity/v1/users_pb2.py lies in a namespace package (PEP 420). A namespace package is taken only when no
# folder of the whole path has a regular package or module of that name:
#   PYTHONPATH=stubs python -c 'import identity.v1.users_pb2'    works
#   after pip install identity==0.11.0                           ModuleNotFoundError: No module named 'identity.v1'
# So an unrelated dependency of a dependency breaks the import, and PYTHONPATH does not help.
#
# What to do: a first name for the proto's folder that is the project's own and taken on PyPI by nobody else; or an
# __init__.py in the generated folder, which then hides the other package instead.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check grpcio-tools==1.85.1
mkdir -p protos/identity/v1 stubs
printf 'syntax = "proto3";\npackage identity.v1;\nmessage User {}\n' >protos/identity/v1/users.proto
venv/bin/python -m grpc_tools.protoc -Iprotos --python_out=stubs identity/v1/users.proto
imported() { PYTHONPATH=stubs venv/bin/python -c 'import identity.v1.users_pb2' 2>&1 | tail -1; }
expect() {
    printf '%s: %s\n' "$1" "${2:-imported}"
    [ "$2" = "$3" ] || { echo "the behaviour has changed; it was: ${3:-imported}"; exit 1; }
}
expect "alone" "$(imported)" ""
venv/bin/python -m pip install -q --disable-pip-version-check --no-deps identity==0.11.0
expect "beside PyPI's identity" "$(imported)" "ModuleNotFoundError: No module named 'identity.v1'"
touch stubs/identity/__init__.py
expect "with an __init__.py" "$(imported)" ""
