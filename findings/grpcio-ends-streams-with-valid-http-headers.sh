#!/usr/bin/env bash
# A grpcio server ends streams for headers that are valid HTTP: whoever puts it behind an HTTP gateway must drop them.
#
# grpcio 1.85.1 (server), httpx 0.28.1 with h2 4.4.1 (a client that sends what it is told to).
# A gateway that makes gRPC of REST (Envoy's grpc_json_transcoder, grpc_http1_bridge) passes a client's headers on. gRPC's
# core parses them all as metadata, also those that no application reads, and answers, before the handler runs:
#   x!y: 1              RFC 9110 has "!" and eleven more letters in names, gRPC has not   INTERNAL Illegal header key: x!y
#   x-trace-bin: !!!    names in -bin must hold base64                      INTERNAL Error parsing 'x-trace-bin' metadata
#   grpc-encoding: zstd                                                   INTERNAL Error parsing 'grpc-encoding' metadata
# and resets a stream without `te: trailers`, which HTTP/1.1 proxies take away: clients see UNAVAILABLE or a broken
# connection and repeat. To a REST client the first three are a 500 for a valid request.
#
# What to do: at the gateway drop names that match [^0-9a-z_.-] and names in -bin; drop grpc-encoding and
# grpc-previous-rpc-attempts of REST clients; answer native gRPC without `te: trailers` there.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check grpcio==1.85.1 "httpx[http2]==0.28.1" h2==4.4.1
cat >seen.py <<'P'
from concurrent import futures

import grpc
import httpx

server = grpc.server(futures.ThreadPoolExecutor(2))
handlers = {"Echo": grpc.unary_unary_rpc_method_handler(lambda request, context: request)}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.v1.Shop", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()


def call(te: str = "trailers", **more: str) -> str:
    """The body's length, or the status and the message of a refusal."""
    headers = {"content-type": "application/grpc", **({"te": te} if te else {}), **more}
    with httpx.Client(http1=False, http2=True) as client:
        try:
            answer = client.post(f"http://127.0.0.1:{port}/shop.v1.Shop/Echo", content=b"\0\0\0\0\0", headers=headers)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}"
    return " ".join([answer.headers.get("grpc-status", "answered"), answer.headers.get("grpc-message", "")]).strip()


seen = {
    "x.y": call(**{"x.y": "1"}),
    "x!y": call(**{"x!y": "1"}),
    "x-trace-bin": call(**{"x-trace-bin": "!!!"}),
    "grpc-encoding": call(**{"grpc-encoding": "zstd"}),
    "no te": call(te=""),
}
server.stop(None).wait()
for name, answer in seen.items():
    print(f"{name:14} {answer}")
assert seen["x.y"] == "answered"
assert all(seen[name].startswith("13 ") for name in ("x!y", "x-trace-bin", "grpc-encoding")), "the behaviour has changed"
assert seen["no te"] == "RemoteProtocolError", "the behaviour has changed"
P
venv/bin/python seen.py 2>/dev/null || { echo "the behaviour has changed"; exit 1; }
