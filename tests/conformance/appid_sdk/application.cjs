// An application as its developers write it with the vendor's SDK, and the browser in front of it. It reads its facts
// (JSON) from standard input; the last line that it prints is what each step came to, as one JSON object.

const { TokenManager, UserProfileManager, SelfServiceManager, WebAppStrategy, APIStrategy } = require("ibmcloud-appid");
const crypto = require("crypto");
const fs = require("fs");

const facts = JSON.parse(fs.readFileSync(0));
const { managementUrl, oauthServerUrl, profilesUrl, tenantId, clientId, secret, apikey, iamTokenUrl } = facts;
const redirectUri = "https://app.example.com/callback";
const credentials = { tenantId, clientId, secret, oauthServerUrl, profilesUrl, redirectUri };
const password = "correct horse 1";
const took = {};

async function step(name, work) {
  try {
    took[name] = { is: await work() };
  } catch (error) {
    took[name] = { failed: String(error.message || error), code: error.code };
  }
  return took[name].is;
}

// What passport does with a strategy for one request.
function authenticate(strategy, request, options = {}) {
  return new Promise((resolve) => {
    const own = Object.create(strategy);
    own.success = (user, info) => resolve({ success: user, info });
    own.redirect = (url) => resolve({ redirect: url });
    own.fail = (challenge) => resolve({ fail: String((challenge && challenge.message) || challenge) });
    own.error = (error) => resolve({ error: String(error) });
    own.authenticate({ headers: {}, ...request }, options);
  });
}

const signIn = (web, session, username, password) =>
  authenticate(web, { session, method: "POST", body: { username, password } });

// What a browser does: with a redirect, and with the sign-in page. The query with which it comes back.
async function follow(url, request = {}) {
  const answer = await fetch(url, { ...request, redirect: "manual" });
  const location = answer.headers.get("location");
  if (!location) throw new Error(`${answer.status}: ${await answer.text()}`);
  return Object.fromEntries(new URL(location).searchParams);
}

// A person's browser at one page, whose form it fills in: the query with which it comes back to the application.
async function fillIn(url, fields) {
  const page = await fetch(url);
  const cookie = page.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
  const html = await page.text();
  const form = new URLSearchParams(fields);
  for (const [, name, value] of html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)) {
    if (!form.has(name)) form.set(name, value);
  }
  const action = new URL(html.match(/<form[^>]*action="([^"]*)"/)[1].replaceAll("&amp;", "&"), url);
  return follow(action, { method: "POST", body: form, headers: { cookie } });
}

const signInAt = (url, username, word = password) => fillIn(url, { username, password: word });

// What each manager of the SDK answers, by name.

async function selfService(address) {
  const manager = new SelfServiceManager({ iamApiKey: apikey, managementUrl, iamTokenUrl, tenantId });
  const person = { emails: [{ value: address, primary: true }], password, displayName: "Ann Other", status: "CONFIRMED" };
  const user = await step("signUp", () => manager.signUp(person, "en"));
  await step("signUpAgain", () => manager.signUp(person, "en"));
  await step("getUserDetails", () => manager.getUserDetails(user.id));
  await step("updateUserDetails", () => manager.updateUserDetails(user.id, { ...person, displayName: "Ann Else" }));
  await step("forgotPassword", () => manager.forgotPassword(address, "en"));
  await step("forgotPasswordOfNobody", () => manager.forgotPassword("nobody@example.com", "en"));
  await step("resendNotification", () => manager.resendNotification(user.id, "WELCOME", "en"));
  await step("resendVerification", () => manager.resendNotification(user.id, "USER_VERIFICATION", "en"));
  await step("signUpResult", () => manager.getSignUpConfirmationResult("nothing"));
  await step("forgotPasswordResult", () => manager.getForgotPasswordConfirmationResult("nothing"));
  await step("weakPassword", () => manager.setUserNewPassword(user.id, "short", "en"));
  await step("setUserNewPassword", () => manager.setUserNewPassword(user.id, password, "en", "192.0.2.7"));
}

async function applicationTokens() {
  const manager = new TokenManager(credentials);
  await step("applicationToken", () => manager.getApplicationIdentityToken());
  await step("customTokens", () => manager.getCustomIdentityTokens(facts.assertion, ["read"]));
  await step("customTokensUnsigned", () => manager.getCustomIdentityTokens(facts.assertion.replace(/[^.]*$/, "AAAA")));
}

async function webApplication(address) {
  const web = new WebAppStrategy(credentials);
  const session = {};
  const asked = await step("asksForSignIn", () => authenticate(web, { session, query: {}, originalUrl: "/home" }));
  const query = await step("browserSignsIn", () => signInAt(asked.redirect, address));
  await step("callback", () => authenticate(web, { session, query }));
  const { refreshToken } = session.APPID_AUTH_CONTEXT;
  await step("refreshTokens", async () => {
    await web.refreshTokens({ session }, refreshToken);
    return { renewed: session.APPID_AUTH_CONTEXT.refreshToken !== refreshToken };
  });
  await step("resourceOwner", () => signIn(web, {}, address, password));
  await step("wrongPassword", () => signIn(web, {}, address, "wrong"));
  return session.APPID_AUTH_CONTEXT;
}

// The flows that begin with a page of the server: the application is sent back with a code each time.
async function hostedPages(address) {
  const web = new WebAppStrategy(credentials);
  const session = {};
  const request = { session, query: {}, isUnauthenticated: () => !session.APPID_AUTH_CONTEXT };
  const show = (page) => authenticate(web, request, { show: page });
  const back = async (query) => authenticate(web, { session, query });

  const asked = await step("asksForSignUp", () => show(WebAppStrategy.SIGN_UP));
  const newcomer = { email: address, given_name: "Bo", family_name: "New", new_password: password, new_password_again: password };
  const signedUp = await step("browserSignsUp", () => fillIn(asked.redirect, newcomer));
  await step("signUpCallback", () => back(signedUp));

  const change = await step("asksForNewPassword", () => show(WebAppStrategy.CHANGE_PASSWORD));
  const next = `${password} changed`;
  const words = { password, new_password: next, new_password_again: next };
  const changed = await step("browserChangesPassword", () => fillIn(change.redirect, words));
  await step("changePasswordCallback", () => back(changed));
  await step("oldPassword", () => signIn(web, {}, address, password));
  await step("newPassword", () => signIn(web, {}, address, next));

  const details = await step("asksForDetails", () => show(WebAppStrategy.CHANGE_DETAILS));
  const named = { given_name: "Bo", family_name: "Else", display_name: "Bo Else", phone: "" };
  const detailed = await step("browserChangesDetails", () => fillIn(details.redirect, named));
  await step("changeDetailsCallback", () => back(detailed));

  const forgot = await step("asksForForgotten", () => show(WebAppStrategy.FORGOT_PASSWORD));
  await step("forgottenPage", async () => ({ status: (await fetch(forgot.redirect)).status }));

  await step("leaves", async () => {
    web.logout({ session, logout() {} });
    return { forgotten: !session.APPID_AUTH_CONTEXT };
  });
  const over = await step("leavesEverywhere", () => new Promise((resolve) => {
    web.logoutSSO({ session, logout() {} }, { redirect: resolve }, { redirect_uri: redirectUri });
  }));
  await step("signedOutEverywhere", async () => {
    const answer = await fetch(over, { redirect: "manual" });
    return { status: answer.status, location: answer.headers.get("location") };
  });
}

async function anonymousThenKnown(address) {
  const web = new WebAppStrategy(credentials);
  const session = {};
  const asked = await step("asksAnonymously", () => authenticate(web, { session, query: {} }, { allowAnonymousLogin: true }));
  const query = await step("browserStaysAnonymous", () => follow(asked.redirect));
  await step("anonymousCallback", () => authenticate(web, { session, query }));
  await step("progressiveSignIn", () => signIn(web, session, address, password));
}

async function profilesOf({ accessToken, identityToken }) {
  UserProfileManager.init(credentials);
  await step("setAttribute", () => UserProfileManager.setAttribute(accessToken, "points", "150"));
  await step("getAttribute", () => UserProfileManager.getAttribute(accessToken, "points"));
  await step("getAllAttributes", () => UserProfileManager.getAllAttributes(accessToken));
  await step("deleteAttribute", () => UserProfileManager.deleteAttribute(accessToken, "points"));
  await step("getDeletedAttribute", () => UserProfileManager.getAttribute(accessToken, "points"));
  await step("getUserInfo", () => UserProfileManager.getUserInfo(accessToken, identityToken));
}

async function protectedApi({ accessToken }) {
  const api = new APIStrategy({ oauthServerUrl });
  const bearer = (token) => ({ session: {}, headers: { authorization: `Bearer ${token}` }, header: () => `Bearer ${token}` });
  await step("api", () => authenticate(api, bearer(accessToken)));
  await step("apiWithoutScope", () => authenticate(api, bearer(accessToken), { scope: "admin" }));
  await step("apiWithNonsense", () => authenticate(api, bearer("nonsense")));
}

async function main() {
  const address = `ann.${crypto.randomUUID()}@example.com`;
  await selfService(address);
  await applicationTokens();
  const context = await webApplication(address);
  await hostedPages(`bo.${crypto.randomUUID()}@example.com`);
  await anonymousThenKnown(address);
  await profilesOf(context);
  await protectedApi(context);
}

main()
  .catch((error) => { took.application = { failed: String(error.stack) }; })
  .finally(() => { fs.writeSync(1, `\n${JSON.stringify(took)}`); process.exit(0); });
