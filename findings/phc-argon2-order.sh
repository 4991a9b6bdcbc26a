#!/usr/bin/env bash
# A hash of npm's @phc/argon2 is refused by every verifier that is built on the reference library: the parameters stand in
# another order.
#
# @phc/argon2 1.0.9 writes `$argon2id$v=19$t=3,m=4096,p=1$…`; the PHC string format has m, t, p, and libargon2 reads this
# order only. So argon2-cffi 25.1.0 says VerificationError ("Decoding failed"), the family of errors that callers take for a
# wrong password: whoever moves users from Node to Python finds that nobody can sign in. With the three parameters put in
# order the same hash verifies.
#
# What to do: put m, t, p in order before a hash is stored or verified; salt and value stay as they are.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check argon2-cffi==25.1.0
npm install --silent --no-audit --no-fund --prefix "$work" @phc/argon2@1.0.9 >/dev/null
hash=$(node -e 'require("@phc/argon2").hash("difference engine").then((text) => console.log(text))')
echo "$hash"
venv/bin/python - "$hash" <<'PYTHON'
import re
import sys

import argon2

written = sys.argv[1]
verifier = argon2.PasswordHasher()
try:
    verifier.verify(written, "difference engine")
except (argon2.exceptions.InvalidHashError, argon2.exceptions.VerificationError) as error:
    print(f"as it is: {type(error).__name__}: {error}")
    refused = True
else:
    refused = False
ordered = re.sub(r"t=(\d+),m=(\d+),p=(\d+)", r"m=\2,t=\1,p=\3", written)
print(ordered, verifier.verify(ordered, "difference engine"))
sys.exit(0 if refused and ordered != written else 1)
PYTHON
