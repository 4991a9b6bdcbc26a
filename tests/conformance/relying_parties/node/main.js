// A relying party on openid-client 6 (which stands on oauth4webapi), as its documentation shows it. It plays the browser
// too, and writes what came of each step as one JSON object.
import { readFileSync } from 'node:fs'
import * as client from 'openid-client'

const facts = JSON.parse(readFileSync(0, 'utf8'))
const took = {}
const plain = { execute: [client.allowInsecureRequests] }

// Form-encodes id and secret in the header, hyphens included.
const basic = client.ClientSecretBasic(facts.secret)
const config = await client.discovery(new URL(facts.oauthServerUrl), facts.clientId, undefined, basic, plain)

const verifier = client.randomPKCECodeVerifier()
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: facts.redirectUri,
  scope: 'openid email profile address phone groups',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state: 's1',
  nonce: 'n1',
  max_age: '300',
  acr_values: '1',
})
address.searchParams.append('resource', 'https://a.example')
address.searchParams.append('resource', 'https://b.example')
const back = await signIn(address)
const tokens = await client.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier, expectedState: 's1', expectedNonce: 'n1', maxAge: 300, idTokenExpected: true,
}, { resource: ['https://a.example', 'https://b.example'] })
took.signIn = { claims: tokens.claims(), expires: tokens.expiresIn() > 0, scope: tokens.scope }

took.userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
took.refresh = {
  claims: renewed.claims(), rotated: renewed.refresh_token !== tokens.refresh_token, expires: renewed.expiresIn() > 0,
}

took.clientCredentials = (await client.clientCredentialsGrant(config, { scope: 'openid profile email' })).scope
took.introspection = (await client.tokenIntrospection(config, renewed.access_token)).active
await client.tokenRevocation(config, renewed.access_token)
took.revoked = (await client.tokenIntrospection(config, renewed.access_token)).active

// RFC 8414's own address, at which the library looks when it is told to speak OAuth only.
const oauth = await client.discovery(
  new URL(facts.oauthServerUrl), facts.clientId, undefined, client.ClientSecretPost(facts.secret),
  { ...plain, algorithm: 'oauth2' },
)
took.oauth2Metadata = oauth.serverMetadata().issuer === facts.oauthServerUrl
console.log(JSON.stringify(took))

// What the person and the browser do, up to the redirect back.
async function signIn(url) {
  const page = await fetch(url, { redirect: 'manual' })
  const body = await page.text()
  if (page.status !== 200) throw new Error(`no sign-in page: ${page.status} ${page.headers.get('location')} ${body}`)
  const form = new URLSearchParams({ username: facts.username, password: facts.password })
  for (const [, name, value] of body.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)) {
    form.set(name, unescaped(value))
  }
  const cookie = page.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ')
  const target = unescaped(/action="([^"]+)"/.exec(body)[1])
  const answer = await fetch(target, { method: 'POST', body: form, headers: { cookie }, redirect: 'manual' })
  const location = answer.headers.get('location')
  if (location) return new URL(location)
  const next = (await answer.text()).split(/["'\s<>]/).find((part) => part.startsWith(`${facts.redirectUri}?`))
  return new URL(unescaped(next))
}

function unescaped(text) {
  return text.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
