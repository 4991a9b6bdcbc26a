// What a person and a browser do at the sign-in page, for the programs beside this file.

export async function signIn(url, { username, password }, jar = {}) {
  const page = await send(url, {}, jar)
  const body = await page.text()
  if (page.status !== 200) throw new Error(`no sign-in page: ${page.status} ${page.headers.get('location')} ${body}`)
  const form = new URLSearchParams({ username, password })
  for (const [, name, value] of body.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)) {
    form.set(name, unescaped(value))
  }
  const target = unescaped(/action="([^"]+)"/.exec(body)[1])
  const answer = await send(target, { method: 'POST', body: form }, jar)
  const location = answer.headers.get('location')
  if (!location) throw new Error(`no way back: ${answer.status} ${await answer.text()}`)
  return new URL(location)
}

// A request of a browser with the cookies in `jar`, by host; it follows no redirect.
export async function send(url, options, jar) {
  const { host } = new URL(url)
  const mine = (jar[host] ??= {})
  const cookie = Object.entries(mine).map(([name, value]) => `${name}=${value}`).join('; ')
  const answer = await fetch(url, { ...options, headers: { ...options.headers, cookie }, redirect: 'manual' })
  for (const line of answer.headers.getSetCookie()) {
    const [pair] = line.split(';')
    mine[pair.slice(0, pair.indexOf('='))] = pair.slice(pair.indexOf('=') + 1)
  }
  return answer
}

function unescaped(text) {
  return text.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
