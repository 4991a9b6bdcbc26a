// An OpenID provider with one client, whose people sign in with any name: node-oidc-provider as it comes, with its pages
// for development. Arguments: the port, and the redirect URI of the client.
import Provider from 'oidc-provider'

const [port, redirect] = process.argv.slice(2)
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'ostiary', client_secret: 'secret: of/the client', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name'] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: 'Ada Lovelace', given_name: 'Ada', email: `${id}@op.example`, email_verified: true })
  })
})
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'))
