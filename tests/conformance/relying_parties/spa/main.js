// A single-page application on oidc-client-ts 3, as its documentation shows it, with a store in memory in place of a
// browser's. It writes what came of each step as one JSON object.
import { readFileSync } from 'node:fs'
import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from 'oidc-client-ts'
import { signIn } from './person.mjs'

const facts = JSON.parse(readFileSync(0, 'utf8'))
const took = {}
const client = new OidcClient({
  authority: facts.issuer,
  client_id: facts.pageId,
  redirect_uri: facts.redirectUri,
  post_logout_redirect_uri: facts.signedOutUri,
  scope: 'openid profile email address phone',
  loadUserInfo: true,
  filterProtocolClaims: false,
  stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
})

const request = await client.createSigninRequest({ state: 's1', max_age: 300, acr_values: '1' })
const back = await signIn(request.url, facts)
const answer = await client.processSigninResponse(back.href)
if (answer.userState !== 's1') throw new Error(`another state came back: ${answer.userState}`)
const { sub } = answer.profile
const claims = JSON.parse(Buffer.from(answer.id_token.split('.')[1], 'base64url').toString())
took.signIn = { claims, expires: answer.expires_in > 0, scope: answer.scope }
const endpoint = await client.metadataService.getUserInfoEndpoint()
took.userinfo = await (await fetch(endpoint, { headers: { authorization: `Bearer ${answer.access_token}` } })).json()
if (took.userinfo.sub !== sub) throw new Error('userinfo is of somebody else')

if (answer.refresh_token) {
  const renewed = await client.useRefreshToken({
    state: { ...answer, data: answer.userState, profile: answer.profile, refresh_token: answer.refresh_token },
  })
  took.refresh = {
    claims: JSON.parse(Buffer.from(renewed.id_token.split('.')[1], 'base64url').toString()),
    rotated: renewed.refresh_token !== answer.refresh_token, expires: renewed.expires_in > 0,
  }
}

if (await client.metadataService.getEndSessionEndpoint()) {
  const leave = await client.createSignoutRequest({ id_token_hint: answer.id_token, state: 's9' })
  const left = (await fetch(leave.url, { redirect: 'manual' })).headers.get('location')
  const ended = await client.processSignoutResponse(left)
  const dead = await fetch(endpoint, { headers: { authorization: `Bearer ${answer.access_token}` } })
  took.signOut = { state: ended.userState, userinfo: dead.status }
}
console.log(JSON.stringify(took))
