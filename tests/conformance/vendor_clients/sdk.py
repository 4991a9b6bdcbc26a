"""pyvcloud, driven as a script would: signs in, lists, signs out; prints what it saw as JSON.

usage: sdk.py HOST ORGANIZATION USER PASSWORD
"""

import json
import sys

from pyvcloud.vcd.client import BasicLoginCredentials, Client
from pyvcloud.vcd.exceptions import EntityNotFoundException, UnauthorizedException
from pyvcloud.vcd.org import Org


def refused(client: Client, credentials: BasicLoginCredentials) -> str:
    """How the client understands a wrong password."""
    try:
        client.set_credentials(credentials)
    except UnauthorizedException as error:
        return str(error)
    return ""


def main(host: str, organization: str, user: str, password: str) -> None:
    """Prints the names that the client found."""
    client = Client(host, verify_ssl_certs=False)
    wrong = refused(client, BasicLoginCredentials(user, organization, "wrong"))
    client.set_credentials(BasicLoginCredentials(user, organization, password))
    own = Org(client, resource=client.get_org())
    seen = {
        "refused": wrong,
        "version": client.get_api_version(),
        "own": own.resource.get("name"),
        "organizations": [one.get("name") for one in client.get_org_list()],
        "named": client.get_org_by_name(organization.upper()).get("name"),
        "users": [[one.get("name"), one.get("isEnabled")] for one in own.list_users()],
        "odd": [one.get("name") for one in own.list_users(("name", "o(d;d, y)"))],
        "user": own.get_user(user).get("name"),
        "found": client.get_user_in_org(user, own.resource.get("href")).get("name"),
        "roles": [one["name"] for one in own.list_roles()],
        "role": own.get_role_record("org_member")["name"],
    }
    try:
        client.get_org_by_name("nobody")
    except EntityNotFoundException:
        seen["missing"] = True
    client.logout()
    print(json.dumps(seen))


main(*sys.argv[1:])
