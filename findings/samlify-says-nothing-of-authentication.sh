#!/usr/bin/env bash
# samlify as an identity provider: an assertion of its own template does not say that anybody has authenticated.
#
# samlify 2.13.1 (Node 20). `IdentityProvider(...).createLoginResponse(sp, request, "post", user)` with the library's own
# template makes an assertion without an AuthnStatement (its place is filled with nothing), which a response to an
# authentication request must have (SAML Profiles §4.1.4.2). So a service provider that asks when and how the person has
# authenticated, as it must to compare the RequestedAuthnContext, cannot take it.
#
# What to do: give it a `loginResponseTemplate` whose context has an AuthnStatement, with a `customTagReplacement`.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj /CN=idp.example 2>/dev/null
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts --silent samlify@2.13.1
cat >made.cjs <<'NODE'
const fs = require('node:fs')
const samlify = require('samlify')
samlify.setSchemaValidator({ validate: async () => 'skipped' })
const { redirect, post } = samlify.Constants.namespace.binding
const idp = samlify.IdentityProvider({
  entityID: 'https://idp.example', privateKey: fs.readFileSync('key.pem'), signingCert: fs.readFileSync('certificate.pem'),
  singleSignOnService: [{ Binding: redirect, Location: 'https://idp.example/sso' }],
  nameIDFormat: ['urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress']
})
const sp = samlify.ServiceProvider({
  entityID: 'https://sp.example', wantAssertionsSigned: true,
  assertionConsumerService: [{ Binding: post, Location: 'https://sp.example/acs' }]
})
idp.createLoginResponse(sp, { extract: { request: { id: '_1' } } }, 'post', { email: 'ann@corp.example' }).then((made) => {
  const document = Buffer.from(made.context, 'base64').toString()
  const has = (name) => document.includes(`<saml:${name}`)
  console.log(`Assertion: ${has('Assertion')}, Subject: ${has('Subject')}, AuthnStatement: ${has('AuthnStatement')}`)
  process.exit(has('Assertion') && has('Subject') && !has('AuthnStatement') ? 0 : 1)
})
NODE
node made.cjs
