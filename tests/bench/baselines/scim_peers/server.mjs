// scimmy-routers with users in memory: what a SCIM server of its kind does at most, without a database.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const users = new Map();

SCIMMY.Resources.declare(SCIMMY.Resources.User)
  .ingress(async (resource, data) => {
    const id = resource.id ?? randomUUID();
    if (resource.id && !users.has(id)) throw new SCIMMY.Types.Error(404, null, "There is no such user.");
    for (const [other, user] of users) {
      if (other !== id && user.userName === data.userName) {
        throw new SCIMMY.Types.Error(409, "uniqueness", "The user name is taken.");
      }
    }
    const now = new Date();
    const stored = { ...data, id, meta: { created: users.get(id)?.meta.created ?? now, lastModified: now } };
    users.set(id, stored);
    return stored;
  })
  .egress(async (resource) => {
    if (resource.id) {
      if (!users.has(resource.id)) throw new SCIMMY.Types.Error(404, null, "There is no such user.");
      return users.get(resource.id);
    }
    return [...users.values()];
  })
  .degress(async (resource) => {
    if (!users.delete(resource.id)) throw new SCIMMY.Types.Error(404, null, "There is no such user.");
  });

const app = express();
app.use("/scim", new SCIMMYRouters({ type: "bearer", docUri: "http://localhost/", handler: () => "bench" }));
app.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
