#!/usr/bin/env bash
# Python's json.loads(bytes) is more lenient than json.loads(bytes.decode()): it takes bytes that are not UTF-8.
#
# CPython 3.11.7; orjson 3.11.4, pydantic-core 2.41.5. Given bytes, json.loads guesses UTF-8, UTF-16 or UTF-32 from the zero
# bytes at the front, and decodes with the error handler "surrogatepass". So
#   json.loads(b'"\xed\xa0\x80"')        is '\ud800', half a surrogate pair, though these bytes are no UTF-8
#   json.loads('{"a":1}'.encode('utf-16')) is {'a': 1}
# and the text with the lone surrogate raises UnicodeEncodeError only where it is written: at the database driver, in the
# log, in the answer. A check that looks for the escape `\ud800` in the raw bytes sees nothing. pydantic-core and orjson
# refuse both inputs: what one library refuses is read by the other.
#
# What to do: json.loads(data.decode()), which is strict, for whatever comes from outside; and refuse escaped halves too,
# which every reader of JSON takes.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check orjson==3.11.4 pydantic-core==2.41.5
"$work/venv/bin/python" - <<'PY'
import json
import sys

import orjson
import pydantic_core

HALF, WIDE = b'{"a": "\xed\xa0\x80"}', '{"a": 1}'.encode("utf-16")


def read(reader, data):
    try:
        return repr(reader(data))
    except ValueError as error:
        return type(error).__name__


READERS = {
    "json.loads(bytes)": json.loads, "json.loads(bytes.decode())": lambda data: json.loads(data.decode()),
    "orjson.loads": orjson.loads, "pydantic_core.from_json": pydantic_core.from_json,
}
seen = {name: (read(reader, HALF), read(reader, WIDE)) for name, reader in READERS.items()}
for name, answers in seen.items():
    print(f"{name:28} half a pair: {answers[0]:24} UTF-16: {answers[1]}")
lenient = seen.pop("json.loads(bytes)") == (repr({"a": "\ud800"}), repr({"a": 1}))
strict = all(answer.endswith("Error") for answers in seen.values() for answer in answers)
sys.exit(0 if lenient and strict else 1)
PY
