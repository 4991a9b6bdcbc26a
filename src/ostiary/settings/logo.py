"""Logo of a tenant: decoded and encoded again, since an uploaded file may contain anything."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image
from sqlalchemy import bindparam, select

from ostiary.errors import DomainError, invalid, not_found
from ostiary.store.tables import Logo, table_of
from ostiary.store.tenancy import touch
from ostiary.store.work import Work

MAX_BYTES = 100_000
MAX_SIDE = 512
"""Pixels of a logo as it is kept; 320 are advised."""
MAX_PIXELS = 4_000_000
"""The limit of a picture that is decoded: a small file can contain a huge one."""
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}

_LOGOS = table_of(Logo)
_FIND = select(_LOGOS.c.media_type, _LOGOS.c.digest, _LOGOS.c.content).where(
    _LOGOS.c.tenant_id == bindparam("of_tenant")
)
_DIGEST = select(_LOGOS.c.digest).where(_LOGOS.c.tenant_id == bindparam("of_tenant"))


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that we have written; `digest` names its content."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """The first half of its SHA-256 in hex."""
        return hashlib.sha256(self.content).hexdigest()[:32]


def redrawn(data: bytes) -> Picture:
    """The picture in a PNG or JPEG file, whatever it is called, without anything else that the file held.

    Takes up to 100 ms: call it outside any transaction. Raises PICTURE_TOO_LARGE, INVALID_PICTURE.
    """
    if len(data) > MAX_BYTES:
        raise invalid("PICTURE_TOO_LARGE", f"The logo has at most {MAX_BYTES} bytes.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata, which is thrown away
            return _redrawn(data)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow raises
        raise _unreadable() from error


def _redrawn(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=list(MEDIA_TYPES)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _unreadable()
        kind = image.format or ""
        drawn = image.convert("RGBA" if kind == "PNG" else "RGB")
    drawn.thumbnail((MAX_SIDE, MAX_SIDE))
    plain = Image.frombytes(drawn.mode, drawn.size, drawn.tobytes())  # pixels alone: no profile, no comment
    out = io.BytesIO()
    plain.save(out, kind, optimize=True)
    return Picture(MEDIA_TYPES[kind], out.getvalue())


def _unreadable() -> DomainError:
    message = f"The file must be a PNG or JPEG picture of at most {MAX_PIXELS} pixels, as it is and not in base64."
    return invalid("INVALID_PICTURE", message)


def put_logo(work: Work, tenant_id: str, picture: Picture, now_ms: int) -> None:
    """Replaces the logo; the old one is gone at once."""
    change = {
        "media_type": picture.media_type, "digest": picture.digest, "content": picture.content, "modified_at": now_ms,
    }  # fmt: skip
    row = {"tenant_id": tenant_id, **change}
    work.run(work.insert(_LOGOS).values(row).on_conflict_do_update(index_elements=["tenant_id"], set_=change))
    touch(work, tenant_id)


def logo_digest(work: Work, tenant_id: str) -> str:
    """Returns the last part of the logo's address; empty without a logo."""
    row = work.row(_DIGEST, {"of_tenant": tenant_id})
    return row.digest if row else ""


def logo_url(work: Work, public_url: str, tenant_id: str) -> str:
    """The address of the logo, open to everybody; empty without a logo."""
    digest = logo_digest(work, tenant_id)
    return f"{public_url}/media/v1/{tenant_id}/logo/{digest}" if digest else ""


def get_logo(work: Work, tenant_id: str, digest: str) -> Picture:
    """The logo with this digest; raises NO_LOGO."""
    row = work.row(_FIND, {"of_tenant": tenant_id})
    if row is None or row.digest != digest:
        raise no_logo()
    return Picture(row.media_type, row.content)


def no_logo() -> DomainError:
    """There is none, or it is another one now."""
    return not_found("NO_LOGO", "This tenant has no such logo.")
