"""The look of the sign-in page: the logo above all, a stranger's file."""

from __future__ import annotations

import base64
import io
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from kit.browser import Browser
from kit.callers import Caller, refusal
from kit.oauth import Application
from PIL import Image, PngImagePlugin

Json = dict[str, Any]
SERVICE = "identity.appid.management.v4.WidgetService"
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


class Widget:
    """The widget of one tenant, over the wire."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.tenant_id = caller.installation.tenant_id

    def ask(self, method: str, body: Json | None = None, role: str = "writer") -> Json:
        return self.caller.ask(f"{SERVICE}/{method}", {"tenantId": self.tenant_id, **(body or {})}, role)

    def post(self, content: bytes, name: str = "file", filename: str = "logo.png", media: str = "logo") -> Json:
        body = (
            f'--xx\r\ncontent-disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            "content-type: image/svg+xml\r\n\r\n"
        ).encode() + content + b"\r\n--xx--\r\n"  # fmt: skip
        return self.form(body, media=media)

    def form(self, body: bytes, kind: str = "multipart/form-data; boundary=xx", media: str = "logo") -> Json:
        data = base64.b64encode(body).decode()
        return self.ask("PostMedia", {"mediaType": media, "form": {"contentType": kind, "data": data}})

    def logo(self) -> tuple[str, bytes]:
        """Media type and content behind the address that management names, without credentials."""
        image = self.ask("GetMedia", role="reader")["image"]
        prefix = f"{self.caller.installation.runtime.settings.base_url}/media/v1/{self.tenant_id}/logo/"
        assert image.startswith(prefix)
        return self.shown(image.removeprefix(prefix))

    def shown(self, digest: str) -> tuple[str, bytes]:
        found = self.caller.ask(
            f"{SERVICE}/GetLogo", {"tenantId": self.tenant_id, "digest": digest}, timeout=20, metadata=()
        )
        return found["contentType"], base64.b64decode(found["data"])


@pytest.fixture
def widget(caller: Caller) -> Widget:
    return Widget(caller)


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20), **facts: Any) -> bytes:
    out = io.BytesIO()
    mode = "RGBA" if kind == "PNG" else "RGB"
    Image.new(mode, size, (200, 30, 30, 128)[: len(mode)]).save(out, kind, **facts)
    return out.getvalue()


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_logo_is_what_its_content_is_whatever_it_is_called(widget: Widget, kind: str, media_type: str) -> None:
    assert widget.post(picture(kind), filename="x.svg") == {}
    shown, content = widget.logo()
    assert shown == media_type
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == (kind, (40, 20))
        red, green, *_ = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert red > 150 > green
    assert widget.ask("GetUiConfig", role="reader") == {
        "tabTitle": "Login", "footnote": "Powered by App ID", "headerColor": "#EEF2F5",
        "image": widget.ask("GetMedia")["image"],
    }  # fmt: skip


def test_nothing_comes_along_with_a_picture(widget: Widget) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", "<script>planted</script>")
    for file in (
        picture(pnginfo=told) + b"<html><script>planted</script>",
        picture("JPEG", comment=b"planted", exif=b"Exif\0\0planted") + b"PK\3\4planted",
        picture("JPEG", icc_profile=b"planted" * 40),
    ):
        assert b"planted" in file
        widget.post(file)
        assert b"planted" not in widget.logo()[1]


def test_a_large_picture_is_made_smaller_and_an_odd_one_is_read(widget: Widget) -> None:
    widget.post(picture(size=(2_000, 1_000)))
    with Image.open(io.BytesIO(widget.logo()[1])) as image:
        assert image.size == (512, 256)
    out = io.BytesIO()
    Image.new("P", (3, 3)).save(out, "PNG", transparency=0)
    widget.post(out.getvalue())
    assert widget.logo()[0] == "image/png"


def other(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, kind)
    return out.getvalue()


def bomb() -> bytes:
    """A picture of a few kilobytes that takes 144 million pixels when it is read."""
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, "PNG")
    assert out.tell() < 100_000
    return out.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "INVALID_PICTURE"), (SVG, "INVALID_PICTURE"), (b"\x89PNG\r\n\x1a\n" + SVG, "INVALID_PICTURE"),
        (picture()[:60], "INVALID_PICTURE"), (other("GIF"), "INVALID_PICTURE"), (other("BMP"), "INVALID_PICTURE"),
        (other("WEBP"), "INVALID_PICTURE"), (b"\xff\xd8\xff" + b"x" * 100, "INVALID_PICTURE"),
        (picture(size=(4_001, 1_000)), "INVALID_PICTURE"), (bomb(), "INVALID_PICTURE"),
        (picture() + b"x" * 100_000, "PICTURE_TOO_LARGE"), (b"x" * 100_001, "PICTURE_TOO_LARGE"),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_small_png_or_jpeg_is_refused(widget: Widget, content: bytes, reason: str) -> None:
    assert refusal(lambda: widget.post(content)) == (INVALID, reason)
    assert refusal(lambda: widget.ask("GetMedia")) == (NOT_FOUND, "NO_LOGO")


def test_exactly_100_kb_are_taken(widget: Widget) -> None:
    good = picture()
    widget.post(good + b"x" * (100_000 - len(good)))
    assert refusal(lambda: widget.post(good + b"x" * (100_001 - len(good)))) == (INVALID, "PICTURE_TOO_LARGE")


def test_a_form_without_a_logo_is_refused(widget: Widget) -> None:
    assert refusal(lambda: widget.post(picture(), name="other")) == (INVALID, "FILE_MISSING")
    assert refusal(lambda: widget.post(picture(), media="banner")) == (INVALID, "INVALID_MEDIA_TYPE")
    assert refusal(lambda: widget.post(picture(), media="")) == (INVALID, "INVALID_MEDIA_TYPE")
    for body, kind in (
        (b"--xx", "multipart/form-data; boundary=xx"),
        (picture(), "image/png"),
        (b"{}", "application/json"),
    ):
        assert refusal(lambda body=body, kind=kind: widget.form(body, kind)) == (INVALID, "MALFORMED_BODY")


def test_a_replaced_logo_is_gone_and_another_tenants_is_not_shown(widget: Widget) -> None:
    widget.post(picture())
    first = widget.ask("GetMedia")["image"].rpartition("/")[2]
    widget.post(picture("JPEG"))
    assert refusal(lambda: widget.shown(first)) == (NOT_FOUND, "NO_LOGO")
    second = widget.ask("GetMedia")["image"].rpartition("/")[2]
    assert widget.shown(second)[0] == "image/jpeg"
    widget.tenant_id = widget.caller.installation.new_tenant("other")
    assert refusal(lambda: widget.shown(second)) == (NOT_FOUND, "NO_LOGO")
    assert "image" not in widget.ask("GetUiConfig", role="operator")


def test_what_a_tenant_sets_is_on_the_page_that_a_browser_gets(
    widget: Widget, browser: Browser, app: Application
) -> None:
    before = browser.authorize(app)
    assert "<footer" not in before.body, "the defaults are the vendor's words for its own service"
    widget.post(picture())
    widget.ask("PutThemeColor", {"theme": {"headerColor": "#7A1FA2"}})
    widget.ask("PutThemeText", {"theme": {"tabTitle": "Acme <b>&", "footnote": "© Acme"}})
    page = browser.authorize(app, ui_locales="xx ../../etc de")
    image = widget.ask("GetMedia", role="reader")["image"]
    assert f'<img src="{urlsplit(image).path}" alt="Acme &lt;b&gt;&amp;" width="320" height="56">' in page.body
    assert "<title>Sign in to app · Acme &lt;b&gt;&amp;</title>" in page.body
    assert '<footer dir="auto">© Acme</footer>' in page.body
    assert "--header:#7A1FA2;--on-header:#ffffff" in page.body
    assert "img-src 'self'" in page.headers["content-security-policy"]
    assert len(page.body.encode()) < 10_000
