"""The sample single-page application at the installation under var/: `make sample`.

It uses the server that `make run` has started, or starts one for itself, and makes the application known to the first
tenant with an API key that it removes again. It ends with Ctrl-C.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from demo.application import Tenant, application
from ostiary.config import Settings

PORT = 8090
READY_S = 90
OSTIARY = (sys.executable, "-m", "ostiary")


def main() -> int:
    """Serves the sample until a signal ends it."""
    subprocess.run([*OSTIARY, "init", "--if-needed"], check=True)
    settings = Settings()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _server(settings), _tenant(settings) as tenant, application(tenant, PORT) as home:
            mail = f"The mails of the server are in {settings.mail_sink}." if settings.smtp_url is None else ""
            sys.stdout.write(f"\nThe sample application is at {home}\nCtrl-C ends it. {mail}\n")
            sys.stdout.flush()
            if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
                webbrowser.open(home)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    return 1


@contextmanager
def _server(settings: Settings) -> Iterator[None]:
    """A server that answers: one that runs, or one of our own until the end."""
    if _is_ready(settings):
        yield
        return
    server = subprocess.Popen([*OSTIARY, "serve"])
    try:
        latest = time.monotonic() + READY_S
        while not _is_ready(settings):
            if server.poll() is not None or time.monotonic() > latest:
                raise SystemExit("ostiary serve has not become ready; its own words are above")
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


def _is_ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"http://{settings.admin_listen}/readyz", timeout=5).is_success
    except httpx.TransportError:
        return False


@contextmanager
def _tenant(settings: Settings) -> Iterator[Tenant]:
    """The first tenant, asked with an API key of the sample's own, which is revoked at the end."""
    account = _told("init", "--if-needed")["accountUrl"]
    tenant_id = account.rpartition("/")[2]
    key = _told("apikey", "create", tenant_id, "--name", "sample application")
    try:
        with httpx.Client(base_url=settings.base_url, timeout=30) as http:
            form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": key["apikey"]}
            token = http.post("/identity/token", data=form).raise_for_status().json()["access_token"]
            issuer = f"{settings.base_url}/oauth/v4/{tenant_id}"
            yield Tenant(http, f"/management/v4/{tenant_id}", issuer, account, {"authorization": f"Bearer {token}"})
    finally:
        subprocess.run([*OSTIARY, "apikey", "revoke", tenant_id, key["id"]], check=True, stdout=subprocess.DEVNULL)


def _told(*command: str) -> dict[str, Any]:
    """What a command of ours prints as JSON."""
    ended = subprocess.run([*OSTIARY, *command, "--json"], check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
