// Two SAML identity providers on one port, samlp and samlify: /samlp/MODE and /samlify/MODE answer a request in the query
// with {SAMLResponse, RelayState} as JSON. The first line of the input says what they must know; the output, the port.
const http = require('node:http')
const samlify = require('samlify')
const samlp = require('samlp')

const PERSON = 'ann@corp.example'
const CONTEXT = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport'
const STATEMENT = `<saml:AuthnStatement AuthnInstant="{IssueInstant}"><saml:AuthnContext><saml:AuthnContextClassRef>${CONTEXT}` +
  '</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>'
const PROFILE = {
  id: PERSON, displayName: 'Ann Other', name: { givenName: 'Ann', familyName: 'Other' }, emails: [{ value: PERSON }]
}

samlify.setSchemaValidator({ validate: async () => 'skipped' })

function bySamlp (facts, mode, query, answered) {
  const options = {
    issuer: facts.entityID, cert: facts.certificate, key: facts.key, authnContextClassRef: CONTEXT, recipient: facts.acs,
    destination: facts.acs, nameIdentifierFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
    signResponse: mode.includes('response'), getPostURL: (audience, request, req, done) => done(null, facts.acs),
    getUserFromRequest: () => PROFILE,
    responseHandler: (response) => answered(response.toString('base64'))
  }
  if (mode.includes('encrypted')) {
    options.encryptionCert = facts.encryptionCertificate
    options.encryptionPublicKey = facts.encryptionKey
  }
  samlp.auth(options)({ method: 'GET', query, headers: {} }, {}, (error) => answered(null, error))
}

async function bySamlify (facts, mode, query, answered) {
  const whole = samlify.SamlLib.defaultLoginResponseTemplate.context
  const attributes = [
    { name: 'email', valueTag: 'user.email', nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic', valueXsiType: 'xs:string' },
    { name: 'displayName', valueTag: 'user.name', nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic', valueXsiType: 'xs:string' }
  ]
  const template = { context: whole.replace('{AuthnStatement}', mode.includes('bare') ? '' : STATEMENT), attributes }
  const idp = samlify.IdentityProvider({
    entityID: facts.entityID, privateKey: facts.key, signingCert: facts.certificate, loginResponseTemplate: template,
    isAssertionEncrypted: mode.includes('encrypted'), messageSigningOrder: 'encrypt-then-sign',
    nameIDFormat: ['urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'],
    dataEncryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc', wantAuthnRequestsSigned: Boolean(query.Signature),
    keyEncryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
    singleSignOnService: [{ Binding: samlify.Constants.namespace.binding.redirect, Location: facts.signInUrl }]
  })
  const sp = samlify.ServiceProvider({ metadata: facts.metadata, wantMessageSigned: mode.includes('response') })
  const octetString = ['SAMLRequest', 'RelayState', 'SigAlg'].filter((name) => query[name])
    .map((name) => `${name}=${encodeURIComponent(query[name])}`).join('&')
  const request = await idp.parseLoginRequest(sp, 'redirect', { query, octetString })
  const filled = (text) => {
    const now = new Date()
    const end = new Date(now.getTime() + 300_000).toISOString()
    const values = {
      ID: '_r' + now.getTime(), AssertionID: '_a' + now.getTime(), Destination: facts.acs, Audience: facts.audience,
      SubjectRecipient: facts.acs, Issuer: facts.entityID, IssueInstant: now.toISOString(), InResponseTo: request.extract.request.id,
      StatusCode: 'urn:oasis:names:tc:SAML:2.0:status:Success', ConditionsNotBefore: now.toISOString(), ConditionsNotOnOrAfter: end,
      SubjectConfirmationDataNotOnOrAfter: end, NameIDFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
      NameID: PERSON, attrUserEmail: PERSON, attrUserName: 'Ann Other'
    }
    return { id: values.ID, context: samlify.SamlLib.replaceTagsByValue(text, values) }
  }
  const made = await idp.createLoginResponse(sp, request, 'post', {}, {
    customTagReplacement: filled, encryptThenSign: mode.includes('response') && mode.includes('encrypted')
  })
  answered(made.context)
}

process.stdin.once('data', (line) => {
  const facts = JSON.parse(line)
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1')
    const [, library, mode] = url.pathname.split('/').map(decodeURIComponent)
    const query = Object.fromEntries(url.searchParams)
    const answered = (SAMLResponse, error) => {
      response.writeHead(error ? 500 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(error ? { error: String(error.stack || error) } : { SAMLResponse, RelayState: query.RelayState }))
    }
    const by = library === 'samlp' ? bySamlp : bySamlify
    Promise.resolve(by(facts, mode, query, answered)).catch((error) => answered(null, error))
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
})
process.stdin.on('end', () => process.exit(0))
