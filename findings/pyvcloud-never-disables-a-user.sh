#!/usr/bin/env bash
# pyvcloud says that it has disabled a user, and sends NOTHING: `vcd user update NAME --disable` prints success.
#
# pyvcloud 23.0.4 and vcd-cli 24.1.0 (the last releases), Python 3.11. Org.update_user(name, is_enabled=False) builds the change
# and then asks `if is_enabled or role_name or password` before it sends it: False is taken for "not given". It returns the
# user as it was read, with IsEnabled set to false in the copy, so a script that prints the result sees what it wanted. With
# is_enabled=True there is a PUT. Org.update_org(is_enabled=False), for organizations, does send one.
# Seen: disable: no PUT, IsEnabled of the answer false; enable: one PUT; disable with role_name: one PUT, with IsEnabled false.
#
# What to do: as a client, give the role too, update_user(name, is_enabled=False, role_name=ITS_ROLE), or ask the server
# again; never take the answer for what the server has. As a server, none: the request does not come.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --no-deps pyvcloud==23.0.4 lxml==6.1.3 humanfriendly==10.0 lazy-importer==0.1.0 \
  vcd-api-schemas-type==10.3.0.dev72 requests==2.34.2 urllib3==2.8.0 idna==3.20 packaging certifi charset-normalizer \
  PyYAML==6.0.3 Pygments==2.21.0
cat >seen.py <<'PYTHON'
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pyvcloud.vcd.client import BasicLoginCredentials, Client
from pyvcloud.vcd.org import Org

NAMESPACE = 'xmlns="http://www.vmware.com/vcloud/v1.5"'
TYPE = "application/vnd.vmware.vcloud"
puts = []


def link(path, kind, **more):
    facts = "".join(f' {name}="{value}"' for name, value in more.items())
    return f'<Link rel="down" href="{home}{path}" type="{TYPE}.{kind}+xml"{facts}/>'


def answer(path):
    """A small Cloud Director: one organization, one user, one role."""
    if path == "/api/versions":
        entry = f"<VersionInfo><Version>36.0</Version><LoginUrl>{home}/login</LoginUrl></VersionInfo>"
        return f'<SupportedVersions xmlns="http://www.vmware.com/vcloud/versions">{entry}</SupportedVersions>'
    if path == "/api/session":
        return f'<Session {NAMESPACE} org="o" user="u">{link("/api/org/1", "org")}{link("/api/query", "query.queryList")}</Session>'
    if path == "/api/org/1":
        return f'<Org {NAMESPACE} name="o" href="{home}/api/org/1" type="{TYPE}.org+xml"/>'
    if path == "/api/query":
        queries = (link(f"/api/query?type={kind}", "query.records", name=kind) for kind in ("user", "role"))
        return f'<QueryList {NAMESPACE}>{"".join(queries)}</QueryList>'
    if path.startswith("/api/query?type=user"):
        return f'<QueryResultRecords {NAMESPACE}><UserRecord name="ann" href="{home}/api/admin/user/1"/></QueryResultRecords>'
    if path.startswith("/api/query?type=role"):
        return f'<QueryResultRecords {NAMESPACE}><RoleRecord name="r" href="{home}/api/admin/role/1"/></QueryResultRecords>'
    role = f'<Role href="{home}/api/admin/role/1" name="r"/>'
    return f'<User {NAMESPACE} name="ann" href="{home}/api/admin/user/1"><IsEnabled>true</IsEnabled>{role}</User>'


class Director(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = answer(self.path).encode()
        self.send_response(200)
        self.send_header("X-VMWARE-VCLOUD-ACCESS-TOKEN", "t")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        puts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()

    do_POST = do_GET

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Director)
home = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Client(home, verify_ssl_certs=False)
client.set_credentials(BasicLoginCredentials("u", "o", "password"))
org = Org(client, resource=client.get_org())


def changed(**change):
    puts.clear()
    told = org.update_user("ann", **change)
    return len(puts), str(told.IsEnabled), "IsEnabled>false" in "".join(puts)


seen = [changed(is_enabled=False), changed(is_enabled=True), changed(is_enabled=False, role_name="r")]
print(seen)
sys.exit(seen != [(0, "False", False), (1, "True", False), (1, "True", True)])
PYTHON
venv/bin/python seen.py
