#!/usr/bin/env bash
# A complete lock file with hashes stops installing when a package that others ask for WITH AN EXTRA gets a new release.
#
# pip 23.2.1 (the pip that Python 3.11.7 brings), `pip install --require-hashes -r lock.txt`. The lock names every package
# with == and a hash, `pydantic==2.13.4` among them; scim2-models asks for `pydantic[email]>=2.12.0`. As long as 2.13.4 is the newest
# release that the index has, it installs. The day a newer one appears, the same file is refused:
#   ERROR: In --require-hashes mode, all requirements must have their versions pinned with ==. These do not:
#       pydantic[email]>=2.12.0 from …pydantic-2.14.4…
# The resolver takes "pydantic[email]" for a name of its own and looks for its newest release, though the plain name is
# pinned. pip 24.3.1 takes the pinned one.
#
# What to do: a complete lock needs no resolver. Install it with `--no-deps --require-hashes`, then run `pip check`.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/old"
python3 -m venv "$work/new"
"$work/old/bin/python" -m pip install -q --disable-pip-version-check pip==23.2.1
"$work/new/bin/python" -m pip install -q --disable-pip-version-check pip==24.3.1
old() { "$work/old/bin/python" -m pip --disable-pip-version-check "$@"; }
new() { "$work/new/bin/python" -m pip --disable-pip-version-check "$@"; }

# An index of two states in two folders: with and without the newer release.
new download -q -d "$work/before" scim2-models==0.12.3 pydantic==2.13.4 email-validator==2.3.0
cp -r "$work/before" "$work/after"
new download -q --no-deps -d "$work/after" pydantic==2.14.4

# The lock: every file of the first state, with its hash.
for file in "$work/before"/*; do
    name=$(basename "$file")
    pinned=$(sed -E 's/^([A-Za-z0-9_.]+)-([0-9][^-]*)-.*/\1==\2/' <<<"$name")
    echo "$pinned --hash=sha256:$(sha256sum "$file" | cut -d' ' -f1)"
done >"$work/lock.txt"
install=(install -q --dry-run --no-index --require-hashes -r "$work/lock.txt")

old "${install[@]}" --find-links "$work/before"
echo "pip 23.2.1, 2.13.4 is the newest: installs"
if old "${install[@]}" --find-links "$work/after" 2>"$work/said"; then
    echo "pip 23.2.1 now takes the pinned release: the behaviour has changed"; exit 1
fi
grep -q 'pydantic\[email\]>=2.12.0' "$work/said" || { cat "$work/said"; exit 1; }
echo "pip 23.2.1, 2.14.4 has appeared: refused ($(grep -o 'pydantic\[email\][^ ]*' "$work/said" | head -1) is called unpinned)"
new "${install[@]}" --find-links "$work/after"
echo "pip 24.3.1, 2.14.4 has appeared: installs"
old "${install[@]}" --no-deps --find-links "$work/after"
echo "pip 23.2.1 with --no-deps, 2.14.4 has appeared: installs"
