"""Formats in which other systems write hashes of schemes that are known here; one module for each family of systems."""

from __future__ import annotations

from ostiary.directory.passwords.foreign_hashes.spellings.directory_servers import DIRECTORY_SERVERS
from ostiary.directory.passwords.foreign_hashes.spellings.dot_net import DOT_NET
from ostiary.directory.passwords.foreign_hashes.spellings.identity_servers import IDENTITY_SERVERS
from ostiary.directory.passwords.foreign_hashes.spellings.java_web import JAVA_WEB
from ostiary.directory.passwords.foreign_hashes.spellings.javascript import JAVASCRIPT
from ostiary.directory.passwords.foreign_hashes.spellings.keycloak import KEYCLOAK
from ostiary.directory.passwords.foreign_hashes.spellings.media_wiki import MEDIA_WIKI
from ostiary.directory.passwords.foreign_hashes.spellings.password_libraries import PASSWORD_LIBRARIES
from ostiary.directory.passwords.foreign_hashes.spellings.python_web import PYTHON_WEB

_SPELLINGS = (
    *KEYCLOAK, *PYTHON_WEB, *JAVASCRIPT, *JAVA_WEB, *DIRECTORY_SERVERS, *MEDIA_WIKI, *DOT_NET, *IDENTITY_SERVERS,
    *PASSWORD_LIBRARIES,
)  # fmt: skip
_MOST_WRAPPINGS = 4


def respelled(text: str) -> str:
    """A hash in the form of a scheme of this package, if it is one of another system; else as it is."""
    for _ in range(_MOST_WRAPPINGS):
        written = _once(text)
        if written is None:
            break
        text = written
    return text


def _once(text: str) -> str | None:
    for one in _SPELLINGS:
        found = one.form.fullmatch(text)
        if found is None:
            continue
        try:
            written = one.write(found)
        except ValueError:
            continue
        if written is not None:
            return written
    return None
