"""The operations that are measured, as wrk scripts."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Operation:
    """One row of the table. `connections` is how many wrk holds; what a script uses up it cannot warm up with."""

    name: str
    path: str
    script: str
    connections: int = 32
    warms_up: bool = True


def basic(client: str, secret: str) -> str:
    """The value of an Authorization header with client credentials."""
    return "Basic " + b64encode(f"{client}:{secret}".encode()).decode()


def get(authorization: str = "") -> str:
    """A GET, with a bearer token or without."""
    header = f'wrk.headers["Authorization"] = {json.dumps(authorization)}\n' if authorization else ""
    return f'wrk.method = "GET"\n{header}'


def post(form: dict[str, str], authorization: str) -> str:
    """The same form again and again."""
    return f"""
wrk.method = "POST"
wrk.body = {json.dumps(urlencode(form))}
wrk.headers["Content-Type"] = "{FORM}"
wrk.headers["Authorization"] = {json.dumps(authorization)}
"""


def sign_in(users: Sequence[str], password: str, authorization: str) -> str:
    """Users in turn: the same one again would run into the limit that protects it."""
    bodies = [urlencode({"grant_type": "password", "username": user, "password": password}) for user in users]
    return f"""
local bodies = {{{",".join(json.dumps(body) for body in bodies)}}}
local headers = {{["Content-Type"] = "{FORM}", ["Authorization"] = {json.dumps(authorization)}}}
local turn = 0
request = function()
  turn = turn % #bodies + 1
  return wrk.format("POST", nil, headers, bodies[turn])
end
"""


def refresh(tokens: Sequence[str], authorization: str) -> str:
    """Each answer's token is the next request's."""
    return f"""
local tokens = {{{",".join(json.dumps(token) for token in tokens)}}}
local headers = {{["Content-Type"] = "{FORM}", ["Authorization"] = {json.dumps(authorization)}}}
request = function()
  local token = table.remove(tokens, 1) or "none-left"
  return wrk.format("POST", nil, headers, "grant_type=refresh_token&refresh_token=" .. token)
end
response = function(status, headers, body)
  local token = body:match('"refresh_token"%s*:%s*"([^"]+)"')
  if token then tokens[#tokens + 1] = token end
end
"""
