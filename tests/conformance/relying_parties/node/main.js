// A relying party on openid-client 6 (which stands on oauth4webapi), as its documentation shows it. It writes what came
// of each step as one JSON object.
import { readFileSync } from 'node:fs'
import * as client from 'openid-client'
import { signIn } from './person.mjs'

const facts = JSON.parse(readFileSync(0, 'utf8'))
const took = {}
const plain = { execute: [client.allowInsecureRequests] }

// Form-encodes id and secret in the header, hyphens included.
const basic = client.ClientSecretBasic(facts.secret)
const config = await client.discovery(new URL(facts.issuer), facts.clientId, undefined, basic, plain)

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
const back = await signIn(address, facts)
const tokens = await client.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier, expectedState: 's1', expectedNonce: 'n1', maxAge: 300, idTokenExpected: true,
}, { resource: ['https://a.example', 'https://b.example'] })
took.signIn = { claims: tokens.claims(), expires: tokens.expiresIn() > 0, scope: tokens.scope }

took.userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
took.refresh = {
  claims: renewed.claims(), rotated: renewed.refresh_token !== tokens.refresh_token, expires: renewed.expiresIn() > 0,
}

if (config.serverMetadata().introspection_endpoint) {
  took.clientCredentials = (await client.clientCredentialsGrant(config, { scope: 'openid profile email' })).scope
  took.introspection = (await client.tokenIntrospection(config, renewed.access_token)).active
  await client.tokenRevocation(config, renewed.access_token)
  took.revoked = (await client.tokenIntrospection(config, renewed.access_token)).active
}

// RFC 8414's own address, at which the library looks when it is told to speak OAuth only.
const oauth = await client.discovery(
  new URL(facts.issuer), facts.clientId, undefined, client.ClientSecretPost(facts.secret),
  { ...plain, algorithm: 'oauth2' },
)
took.oauth2Metadata = oauth.serverMetadata().issuer === facts.issuer

if (config.serverMetadata().end_session_endpoint) {
  const leave = client.buildEndSessionUrl(config, {
    id_token_hint: renewed.id_token, post_logout_redirect_uri: facts.signedOutUri, state: 's9',
  })
  const left = new URL((await fetch(leave, { redirect: 'manual' })).headers.get('location'))
  const dead = await fetch(config.serverMetadata().userinfo_endpoint, {
    headers: { authorization: `Bearer ${renewed.access_token}` },
  })
  took.signOut = { state: left.searchParams.get('state'), userinfo: dead.status }
}
console.log(JSON.stringify(took))
