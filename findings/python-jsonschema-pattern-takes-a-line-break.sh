#!/usr/bin/env bash
# Python's jsonschema takes a text with a line break at its end where the schema says ^[a-z]+$.
#
# jsonschema 4.26.0, jsonschema-rs 0.60.3 (both PyPI). A `pattern` of JSON Schema is a regular expression of ECMA 262 (2020-12
# Validation §6.3.3), whose `$` is the end of the text. jsonschema hands it to Python's `re` as it is: there `$` is also the
# place before a last line break, and `\d` a digit of any script. Both are accepted; jsonschema-rs, of the same name and by
# the same rules, refuses both:
#   jsonschema:     "abc" True, "abc\n" True, "٣" for ^\d+$ True
#   jsonschema-rs:  "abc" True, "abc\n" False, "٣" for ^\d+$ False
# So a document that was validated may hold a line break that its schema excludes, and bring it into a header, a log line or a
# name.
#
# What to do: a server must not take a validated document for one that matches; check on the server with an engine whose `$` is
# the very end (RE2, or `re.fullmatch` without the anchors). In Python validate with jsonschema-rs. Write [0-9] for \d.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check jsonschema==4.26.0 jsonschema-rs==0.60.3
"$work/venv/bin/python" - <<'EOF'
import jsonschema
import jsonschema_rs

CASES = [("^[a-z]+$", "abc"), ("^[a-z]+$", "abc\n"), (r"^\d+$", "\u0663")]
schemas = [{"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": pattern} for pattern, _ in CASES]
python = [jsonschema.Draft202012Validator(schema).is_valid(text) for schema, (_, text) in zip(schemas, CASES)]
rust = [jsonschema_rs.Draft202012Validator(schema).is_valid(text) for schema, (_, text) in zip(schemas, CASES)]
print("jsonschema:   ", python)
print("jsonschema-rs:", rust)
if (python, rust) != ([True, True, True], [True, False, False]):
    raise SystemExit("the behaviour has changed")
EOF
