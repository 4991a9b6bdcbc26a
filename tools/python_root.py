"""Moves generated Python from the package `identity` to `ostiary_api`: python tools/python_root.py GEN.

protoc takes the name of a Python module from the path of its proto, and that path must match the proto package. A
top-level `identity` belongs to another project on PyPI, which hides ours where both are installed. So the modules get a
root of their own; names on the wire and in the descriptors stay `identity.…`.
"""

import re
import shutil
import sys
from pathlib import Path

FROM, TO = "identity", "ostiary_api"
INIT = '"""Messages and stubs of the proto packages `identity.…`. Generated."""\n'
IMPORT = re.compile(rf"^(from|import) {FROM}\.", re.MULTILINE)
MODULE = re.compile(rf"^(_builder\.BuildTopDescriptorsAndMessages\(DESCRIPTOR, '){FROM}\.", re.MULTILINE)
PATH = re.compile(rf"(the generated code in ){FROM}/")


def moved(source: str) -> str:
    """The text of a generated module with its imports, its own name and its path under the other root."""
    source = IMPORT.sub(rf"\1 {TO}.", source)
    source = MODULE.sub(rf"\1{TO}.", source)
    return PATH.sub(rf"\1{TO}/", source)


def main(gen: Path) -> None:
    """Replaces `GEN/ostiary_api` by what was generated as `GEN/identity`."""
    shutil.rmtree(gen / TO, ignore_errors=True)
    (gen / FROM).rename(gen / TO)
    for path in [*(gen / TO).rglob("*.py"), *(gen / TO).rglob("*.pyi")]:
        path.write_text(moved(path.read_text(encoding="utf-8")), encoding="utf-8")
    (gen / TO / "__init__.py").write_text(INIT, encoding="utf-8")
    (gen / TO / "py.typed").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
