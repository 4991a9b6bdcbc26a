#!/usr/bin/env bash
# pyvcloud takes a version of Cloud Director's API only if it KNOWS it to the letter: a newer minor version is none at all.
#
# pyvcloud 23.0.4 (the last release), Python 3.11. Client.set_credentials reads GET /api/versions and looks for the highest
# version that is in a list of the library, which ends with 36.0 and 37.0.0-alpha. It neither steps down from a newer major
# version nor takes 36.3 for a 36. Other clients of the same server ask for what this one does not know: 37.0, 40.0.
# Seen: 35.0, 36.0 and 40.0 offered: 36.0; 36.1, 36.3 and 37.0 offered: VcdException "Unable to find a supported API version".
#
# What to do: as a server, name every version from the oldest that is spoken on, each with its `.0`, however small the
# differences are. As a client, give Client(api_version=…) and negotiate nothing.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --no-deps pyvcloud==23.0.4 lxml==6.1.3 humanfriendly==10.0 lazy-importer==0.1.0 \
  vcd-api-schemas-type==10.3.0.dev72 requests==2.34.2 urllib3==2.8.0 idna==3.20 packaging certifi charset-normalizer PyYAML==6.0.3
cat >seen.py <<'PYTHON'
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from pyvcloud.vcd.client import BasicLoginCredentials, Client
from pyvcloud.vcd.exceptions import UnauthorizedException, VcdException

ENTRY = "<VersionInfo><Version>{0}</Version><LoginUrl>http://127.0.0.1/login</LoginUrl></VersionInfo>"


class Versions(BaseHTTPRequestHandler):
    offered = ()

    def do_GET(self):
        entries = "".join(map(ENTRY.format, self.offered))
        self.say(200, f'<SupportedVersions xmlns="http://www.vmware.com/vcloud/versions">{entries}</SupportedVersions>')

    def do_POST(self):  # a sign-in, for which the version is known by then
        self.say(401, '{"minorErrorCode": "UNAUTHORIZED", "message": "no"}')

    def say(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def taken(*offered):
    Versions.offered = offered
    client = Client(f"http://127.0.0.1:{server.server_port}", verify_ssl_certs=False)
    try:
        client.set_credentials(BasicLoginCredentials("user", "org", "password"))
    except UnauthorizedException:
        return client.get_api_version()
    except VcdException as error:
        return type(error).__name__


server = HTTPServer(("127.0.0.1", 0), Versions)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = [taken("35.0", "36.0", "40.0"), taken("36.1", "36.3", "37.0"), taken("40.0")]
print(seen)
sys.exit(seen != ["36.0", "VcdException", "VcdException"])
PYTHON
venv/bin/python seen.py
