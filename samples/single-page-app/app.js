// Signs people in with oidc-client-ts: authorization code with PKCE. New tokens come from the session at the server, asked
// for by a navigation that shows nothing (prompt=none): browsers withhold cookies from hidden frames of another site.
const { UserManager } = globalThis.oidc
const { issuer, clientId, account } = await (await fetch('settings.json')).json()
const home = `${location.origin}/`
const manager = new UserManager({
  authority: issuer,
  client_id: clientId,
  redirect_uri: home,
  post_logout_redirect_uri: home,
  scope: 'openid profile email',
  automaticSilentRenew: false, // that would open a hidden frame
  loadUserInfo: true,
})
const find = (id) => document.getElementById(id)

function claimsOf(token) {
  const bytes = Uint8Array.from(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
  return JSON.parse(new TextDecoder().decode(bytes))
}

function table(title, claims, open) {
  const made = find('token').content.cloneNode(true)
  made.querySelector('details').open = open
  made.querySelector('summary').textContent = title
  made.querySelector('.wide').setAttribute('aria-label', title)
  for (const [name, value] of Object.entries(claims)) {
    const row = made.querySelector('tbody').insertRow()
    const head = document.createElement('th')
    head.scope = 'row'
    head.textContent = name
    row.append(head)
    row.insertCell().textContent = typeof value === 'string' ? value : JSON.stringify(value)
  }
  return made
}

function show(user) {
  find('guest').hidden = Boolean(user)
  find('person').hidden = !user
  if (!user) return
  const { name, email, sub } = user.profile
  const shown = name || email || sub
  find('name').textContent = shown
  find('email').textContent = email || ''
  find('initials').textContent = shown.split(/[\s@.]+/, 2).map((word) => word.charAt(0).toUpperCase()).join('')
  const expires = new Date(user.expires_at * 1000)
  find('expires').dateTime = expires.toISOString()
  find('expires').textContent = expires.toLocaleTimeString()
  find('tokens').replaceChildren(
    table('Identity token', claimsOf(user.id_token), true),
    table('Access token', claimsOf(user.access_token), false),
  )
}

function say(text) {
  find('status').textContent = text
}

function complain(error) {
  find('alert').textContent = error.error_description || error.message
  find('alert').hidden = false
}

/** Lets a button do `act`; once at a time, and what goes wrong is said. */
function on(id, act) {
  find(id).addEventListener('click', async ({ currentTarget }) => {
    currentTarget.disabled = true
    find('alert').hidden = true
    say('')
    try {
      await act()
    } catch (error) {
      complain(error)
    } finally {
      currentTarget.disabled = false
    }
  })
}

on('sign-in', () => manager.signinRedirect())
on('refresh', () => manager.signinRedirect({ prompt: 'none', state: 'The server has issued new tokens.' }))
on('sign-out', () => manager.signoutRedirect())
on('sign-out-everywhere', async () => {
  await manager.removeUser()
  const asked = new URLSearchParams({ client_id: clientId, redirect_uri: home, all_sessions: 'true' })
  location.assign(`${issuer}/cloud_directory/sso/logout?${asked}`)
})

find('issuer').textContent = `Your server: ${issuer}`
find('account').href = account
find('account').hidden = false
const answer = new URLSearchParams(location.search)
try {
  if (answer.has('code') || answer.has('error')) say((await manager.signinRedirectCallback()).state ?? '')
  else if (answer.has('state')) await manager.signoutRedirectCallback()
} catch (error) {
  await manager.removeUser()
  if (error.error === 'login_required') say('Your session has ended. Sign in again.') // elsewhere, as on the account page
  else complain(error)
}
history.replaceState(null, '', home) // a code in the address would be sent again by a reload
show(await manager.getUser())
