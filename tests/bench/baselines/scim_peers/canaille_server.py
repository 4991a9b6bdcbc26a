"""Canaille on SQLite, with one client that has a token: `canaille_server.py PORT FOLDER`."""

# mypy: ignore-errors

import datetime as dt
import sys

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import run_simple

PORT, FOLDER = sys.argv[1:]
SETTINGS = {
    "SECRET_KEY": "bench", "SERVER_NAME": f"127.0.0.1:{PORT}", "PREFERRED_URL_SCHEME": "http",
    "CANAILLE": {"DATABASE": "sql"}, "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{FOLDER}/canaille.sqlite3"},
    "CANAILLE_OIDC": {}, "CANAILLE_SCIM": {"ENABLE_SERVER": True},
}  # fmt: skip


def give_token():
    """A client and its access token, which SCIM asks for."""
    client = models.Client(
        client_id="bench", client_name="bench", client_secret="bench", redirect_uris=[],
        grant_types=["client_credentials"],
    )  # fmt: skip
    Backend.instance.save(client)
    token = models.Token(
        token_id="bench", access_token="bench", client=client, subject=None, type="access_token", refresh_token="none",
        scope=["openid"], issue_date=dt.datetime.now(dt.UTC), lifetime=1_000_000, audience=[client],
    )  # fmt: skip
    Backend.instance.save(token)


app = create_app(SETTINGS, init_backend=True)
with app.app_context(), Backend.instance.session():
    give_token()
# Not by hypercorn, with which an answer without a body, as to a deletion, is a 500.
run_simple("127.0.0.1", int(PORT), app, threaded=True)
