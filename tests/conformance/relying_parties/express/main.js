// A web application on express-openid-connect 3, as its documentation shows it. It is its own person and browser too, and
// writes what came of each step as one JSON object.
import { readFileSync } from 'node:fs'
import express from 'express'
import openid from 'express-openid-connect'
import { send, signIn } from './person.mjs'

const facts = JSON.parse(readFileSync(0, 'utf8'))
const took = {}
const base = `http://127.0.0.1:${facts.port}`
const app = express()
app.use(openid.auth({
  issuerBaseURL: facts.issuer,
  baseURL: base,
  clientID: facts.clientId,
  clientSecret: facts.secret,
  secret: 'a long and random secret of the application',
  authRequired: false,
  idpLogout: true,
  session: { cookie: { secure: false } },
  routes: { postLogoutRedirect: facts.signedOutUri },
  authorizationParams: {
    response_type: 'code', scope: 'openid profile email address phone', max_age: 300, acr_values: '1',
  },
  logoutParams: { state: 's9' },
}))
app.get('/signed-in', async ({ oidc }, answer) => {
  const { access_token: token, expires_in: seconds } = oidc.accessToken
  answer.json({
    signIn: { claims: oidc.idTokenClaims, expires: seconds > 0 }, userinfo: await oidc.fetchUserInfo(), token,
  })
})
app.get('/refreshed', async ({ oidc }, answer) => {
  const before = oidc.refreshToken
  const renewed = await oidc.accessToken.refresh()
  const claims = JSON.parse(Buffer.from(oidc.idToken.split('.')[1], 'base64url').toString())
  answer.json({ claims, rotated: oidc.refreshToken !== before, expires: renewed.expires_in > 0 })
})
const listening = app.listen(facts.port, '127.0.0.1')
await new Promise((ready) => listening.once('listening', ready))

const jar = {}
const to = await send(`${base}/login`, {}, jar)
const back = await signIn(to.headers.get('location'), facts, jar)
const entered = await send(back, {}, jar)
if (entered.status !== 302) throw new Error(`not let in: ${entered.status} ${await entered.text()}`)
const { token, ...seen } = await (await send(`${base}/signed-in`, {}, jar)).json()
Object.assign(took, seen)
took.refresh = await (await send(`${base}/refreshed`, {}, jar)).json()

const { end_session_endpoint: end, userinfo_endpoint: about } =
  await (await fetch(`${facts.issuer}/.well-known/openid-configuration`)).json()
if (end) {
  const leave = await send(`${base}/logout`, {}, jar)
  const left = await send(leave.headers.get('location'), {}, jar)
  const dead = await fetch(about, { headers: { authorization: `Bearer ${token}` } })
  took.signOut = { state: new URL(left.headers.get('location')).searchParams.get('state'), userinfo: dead.status }
}
console.log(JSON.stringify(took))
process.exit(0)
