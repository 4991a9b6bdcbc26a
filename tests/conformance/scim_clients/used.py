"""Uses scim2-client as an application does: discovers, makes, finds, changes and deletes users and groups."""

from __future__ import annotations

import json
import sys

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import PatchOp, PatchOperation, ResponseParameters, SCIMException, SearchRequest

url, token = sys.argv[1:]
client = SyncSCIMClient(httpx2.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60))
client.discover()
User, Group = client.get_resource_model("User"), client.get_resource_model("Group")
ann = client.create(User(user_name="client-ann", emails=[User.Emails(value="ann@client.example")]))
group = client.create(Group(display_name="Client", members=[Group.Members(value=ann.id)]))
found = client.query(User, query_parameters=SearchRequest(filter='userName eq "CLIENT-ann"'))
ann.title = "Dr"
replaced = client.replace(ann)
renamed = client.modify(User, ann.id, PatchOp[User](operations=[
    PatchOperation(op=PatchOperation.Op.replace_, path="displayName", value="Ann"),
]))  # fmt: skip
searched = client.search(SearchRequest(filter='displayName sw "C" or userName sw "client"'))
few = client.query(User, ann.id, query_parameters=ResponseParameters(attributes=["userName"]))
client.delete(Group, group.id)
client.delete(User, ann.id)
try:
    client.query(User, ann.id)
    gone = False
except SCIMException as error:
    gone = error.status == 404
print(json.dumps({
    "found": [user.user_name for user in found.resources], "title": replaced.title, "shown": renamed.display_name,
    "searched": searched.total_results, "few": few.display_name, "gone": gone,
    "groups": [one.display for one in replaced.groups or []],
}))  # fmt: skip
