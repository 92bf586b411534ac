// The official JavaScript client goes through every core method, social sign-in aside.
//
//     node core.mjs <base url> <outbox path>
//
// The same script runs against Better Auth and against authmw; it is told nothing about which of them answers. What
// Better Auth does is right. Where authmw is stricter on purpose, both answers are accepted and the line says so.

import assert from "node:assert/strict";
import {
  Browser,
  Outbox,
  bare,
  eventually,
  finish,
  freshAddress,
  given,
  parseSetCookie,
  refused,
  refusedRaw,
  step,
} from "./browser.mjs";

const [baseUrl, outboxPath] = process.argv.slice(2);
if (!baseUrl || !outboxPath) {
  console.error("usage: node core.mjs <base url> <outbox path>");
  process.exit(2);
}

const origin = new URL(baseUrl).origin;
const outbox = new Outbox(outboxPath);
const PASSWORD = "correct horse battery";
const OTHER_PASSWORD = "staple, said the horse";
const SESSION_COOKIE = "better-auth.session_token";
const DONT_REMEMBER_COOKIE = "better-auth.dont_remember";
const WEEK_S = 604800;
const DAY_S = 86400;
const WIRE_DATE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const EVIL = "https://evil.example";

const USER_KEYS = ["id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt", "plan"];
const SESSION_KEYS = ["id", "userId", "token", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent"];
// Columns that Better Auth's own plug-ins add; a server with them switched on shows them in the same objects.
const PLUGIN_USER_KEYS = [
  "twoFactorEnabled", "username", "displayUsername", "isAnonymous", "phoneNumber", "phoneNumberVerified",
  "role", "banned", "banReason", "banExpires", "lastLoginMethod",
];
const PLUGIN_SESSION_KEYS = ["activeOrganizationId", "activeTeamId", "impersonatedBy"];

const UNAUTHORIZED = { message: "Unauthorized", code: "UNAUTHORIZED" };
const INVALID_CALLBACK_URL = { message: "Invalid callbackURL", code: "INVALID_CALLBACK_URL" };

// ------------------------------------------------------------------------------------------------ helpers

/** A new person in a new browser, signed up and so signed in. */
async function newcomer(name, { password = PASSWORD } = {}) {
  const browser = new Browser(origin);
  const email = freshAddress(name);
  const { token, user } = given(await browser.client.signUp.email({ name, email, password }));
  // A server may send mail after its answer; a step that waits for its own letter must not find this one.
  await outbox.next(0, "verify-email", email);
  return { browser, client: browser.client, email, password, token, user };
}

/** The same person in one more browser. */
async function elsewhere(person, fields = {}) {
  const browser = new Browser(origin);
  const { token } = given(
    await browser.client.signIn.email({ email: person.email, password: person.password, ...fields }),
  );
  return { browser, client: browser.client, token };
}

async function isSignedIn(browser) {
  return given(await browser.client.getSession()) !== null;
}

/** Follow the link of the sign-up mail, so that the address counts as confirmed. */
async function confirmed(person) {
  const mail = await outbox.next(0, "verify-email", person.email);
  given(await person.client.verifyEmail({ query: { token: mail.token } }));
  return person;
}

function hasKeys(object, wanted, optional) {
  const keys = Object.keys(object);
  assert.deepEqual(wanted.filter((key) => !keys.includes(key)), [], "keys that are missing");
  assert.deepEqual(keys.filter((key) => !wanted.includes(key) && !optional.includes(key)), [], "keys nobody knows");
}

function sessionCookieOf(lines) {
  const cookies = lines.map(parseSetCookie).filter((cookie) => cookie.name === SESSION_COOKIE);
  assert.equal(cookies.length, 1, `one session cookie expected: ${lines}`);
  return cookies[0];
}

const validationError = (message) => ({ message, code: "VALIDATION_ERROR" });
const expectedString = (part, received) => `[${part}] Invalid input: expected string, received ${received}`;
const inSeconds = (later, sooner) => (later.getTime() - sooner.getTime()) / 1000;
const tokenInUrl = (mail) => new URL(mail.url).searchParams.get("token");
// A mailed link leads to the API itself, or to a page with a button where the server has pages: both carry the token
// and the way back, and the API's own route takes the token in either case.
const leadsBackTo = (mail) => {
  const link = new URL(mail.url);
  assert.equal(link.origin, origin, mail.url);
  return link.searchParams.get("callbackURL") ?? link.searchParams.get("next") ?? "/";
};
const verifyPath = (mail) => `/verify-email?token=${mail.token}&callbackURL=${encodeURIComponent(leadsBackTo(mail))}`;

// ------------------------------------------------------------------------------------------------ signing up

await step("ok", async () => {
  assert.deepEqual(given(await new Browser(origin).client.ok()), { ok: true });
});

await step("sign up", async () => {
  const { client, email, token, user } = await newcomer("Ada");
  assert.match(token, /^[A-Za-z0-9]{32}$/);
  hasKeys(user, USER_KEYS, PLUGIN_USER_KEYS);
  assert.equal(user.email, email);
  assert.equal(user.name, "Ada");
  assert.equal(user.emailVerified, false);
  assert.equal(user.image, null);
  assert.ok(user.createdAt instanceof Date && user.updatedAt instanceof Date);
  assert.ok(Math.abs(Date.now() - user.createdAt.getTime()) < 60_000, "createdAt is now, in whatever zone we live");
  const { session } = given(await client.getSession());
  assert.equal(session.token, token);
});

await step("sign up lower-cases the address", async () => {
  const browser = new Browser(origin);
  const email = freshAddress("mixed.case").toUpperCase();
  const { user } = given(await browser.client.signUp.email({ name: "Mixed", email, password: PASSWORD }));
  assert.equal(user.email, email.toLowerCase());
  given(await browser.client.signIn.email({ email, password: PASSWORD }));
});

await step("sign up keeps any script in the name and any character in the password", async () => {
  const browser = new Browser(origin);
  const email = freshAddress("unicode");
  const password = " ﬁne påss 密码🔑 ";
  const { user } = given(await browser.client.signUp.email({ name: "Žofie 李 🦊", email, password }));
  assert.equal(user.name, "Žofie 李 🦊");
  const same = password.normalize("NFKC");
  assert.notEqual(same, password);
  given(await browser.client.signIn.email({ email, password: same }));
  refused(await browser.client.signIn.email({ email, password: password.trim() }), 401, "INVALID_EMAIL_OR_PASSWORD");
});

await step("sign up with an address that is taken", async () => {
  const { email } = await newcomer("Taken");
  const { client } = new Browser(origin);
  const answer = await client.signUp.email({ name: "Second", email: email.toUpperCase(), password: PASSWORD });
  refused(answer, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "User already exists. Use another email.");
});

await step("sign up with a password too short or too long", async () => {
  const { client } = new Browser(origin);
  const email = freshAddress("length");
  refused(await client.signUp.email({ name: "L", email, password: "a2c4e6g" }), 400, "PASSWORD_TOO_SHORT", "Password too short");
  refused(await client.signUp.email({ name: "L", email, password: "ab".repeat(65) }), 400, "PASSWORD_TOO_LONG", "Password too long");
});

await step("sign up sends a link that confirms the address", async () => {
  const { email } = await newcomer("Link");
  const mail = await outbox.next(0, "verify-email", email);
  assert.equal(new URL(mail.url).pathname.split("/").at(-1), "verify-email");
  assert.equal(tokenInUrl(mail), mail.token);
  assert.equal(leadsBackTo(mail), "/");
});

await step("additional field: plan is free, and nobody sets it himself", async () => {
  const { client, user } = await newcomer("Plan");
  assert.equal(user.plan, "free");
  const signUp = await new Browser(origin).client.signUp.email({
    name: "Rich", email: freshAddress("rich"), password: PASSWORD, plan: "gold",
  });
  // Better Auth takes the default in silence when a field has one; a server may as well refuse.
  if (signUp.error) refused(signUp, 400, "FIELD_NOT_ALLOWED", "plan is not allowed to be set");
  else assert.equal(signUp.data.user.plan, "free");
  refused(await client.updateUser({ plan: "gold" }), 400, "FIELD_NOT_ALLOWED", "plan is not allowed to be set");
  assert.equal(given(await client.getSession()).user.plan, "free");
});

await step("sign up ignores id, emailVerified and createdAt", async () => {
  const { user } = given(
    await new Browser(origin).client.signUp.email({
      name: "Sly", email: freshAddress("sly"), password: PASSWORD,
      id: "chosen", emailVerified: true, createdAt: "2001-01-01T00:00:00.000Z",
    }),
  );
  assert.notEqual(user.id, "chosen");
  assert.equal(user.emailVerified, false);
  assert.ok(user.createdAt.getFullYear() > 2001);
});

await step("sign up with rememberMe false", async () => {
  const browser = new Browser(origin);
  given(await browser.client.signUp.email({ name: "Brief", email: freshAddress("brief"), password: PASSWORD, rememberMe: false }));
  assert.equal("max-age" in sessionCookieOf(browser.lastCookies).attributes, false);
});

// ------------------------------------------------------------------------------------------------ signing in

await step("sign in", async () => {
  const person = await newcomer("Grace");
  const browser = new Browser(origin);
  const data = given(await browser.client.signIn.email({ email: person.email, password: PASSWORD }));
  assert.equal(data.redirect, false);
  assert.equal("url" in data, false);
  assert.equal(data.user.id, person.user.id);
  assert.notEqual(data.token, person.token);
  hasKeys(data.user, USER_KEYS, PLUGIN_USER_KEYS);
});

await step("sign in with a callbackURL", async () => {
  const { browser, email } = await newcomer("Callback");
  const answer = await browser.raw("POST", "/sign-in/email", { json: { email, password: PASSWORD, callbackURL: "/home?a=1" } });
  assert.equal(answer.status, 200);
  assert.equal(answer.json.redirect, true);
  assert.equal(answer.json.url, "/home?a=1");
  assert.equal(answer.headers.location, "/home?a=1");
});

await step("sign in: a wrong password and an unknown address are one answer", async () => {
  const { email } = await newcomer("Wrong");
  const { client } = new Browser(origin);
  const message = "Invalid email or password";
  refused(await client.signIn.email({ email, password: OTHER_PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD", message);
  const unknown = freshAddress("nobody");
  refused(await client.signIn.email({ email: unknown, password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD", message);
  assert.equal(await isSignedIn({ client }), false);
});

await step("sign in with something that is no address", async () => {
  const { client } = new Browser(origin);
  refused(await client.signIn.email({ email: "no-address", password: PASSWORD }), 400, "INVALID_EMAIL", "Invalid email");
});

await step("sign in with a form", async () => {
  const { email } = await newcomer("Form");
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const form = (fields) => new URLSearchParams({ email, password: PASSWORD, ...fields }).toString();
  const answer = await new Browser(origin).raw("POST", "/sign-in/email", { headers, body: form({}) });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.user.email, email);
  const typed = await new Browser(origin).raw("POST", "/sign-in/email", { headers, body: form({ rememberMe: "false" }) });
  refusedRaw(typed, 400, validationError("[body.rememberMe] Invalid input: expected boolean, received string"));
});

await step("sign in remembered: the cookie, attribute by attribute", async () => {
  const person = await newcomer("Cookie");
  const { browser, token } = await elsewhere(person);
  const { value, attributes } = sessionCookieOf(browser.lastCookies);
  assert.deepEqual(attributes, { "max-age": String(WEEK_S), path: "/", httponly: true, samesite: "Lax" });
  const signed = decodeURIComponent(value);
  assert.equal(encodeURIComponent(signed), value);
  assert.equal(signed.slice(0, signed.lastIndexOf(".")), token);
  assert.match(signed.slice(signed.lastIndexOf(".") + 1), /^[A-Za-z0-9+/]{43}=$/);
  const { session } = given(await browser.client.getSession());
  assert.equal(Math.round(inSeconds(session.expiresAt, session.createdAt) / 10), WEEK_S / 10);
});

await step("sign in with rememberMe false: a cookie without Max-Age, a session of one day", async () => {
  const person = await newcomer("Forget");
  const { browser } = await elsewhere(person, { rememberMe: false });
  const { attributes } = sessionCookieOf(browser.lastCookies);
  assert.deepEqual(attributes, { path: "/", httponly: true, samesite: "Lax" });
  const marker = browser.lastCookies.map(parseSetCookie).find((cookie) => cookie.name === DONT_REMEMBER_COOKIE);
  assert.match(decodeURIComponent(marker.value), /^true\.[A-Za-z0-9+/]{43}=$/);
  assert.equal("max-age" in marker.attributes, false);
  const { session } = given(await browser.client.getSession());
  assert.equal(Math.round(inSeconds(session.expiresAt, session.createdAt) / 10), DAY_S / 10);
});

await step("sign out", async () => {
  const { browser, client } = await newcomer("Out");
  const stolen = browser.jar.header();
  assert.deepEqual(given(await client.signOut()), { success: true });
  const cleared = sessionCookieOf(browser.lastCookies);
  assert.equal(cleared.value, "");
  assert.equal(cleared.attributes["max-age"], "0");
  assert.equal(cleared.attributes.path, "/");
  assert.equal(await isSignedIn(browser), false);
  const replay = await new Browser(origin).raw("GET", "/get-session", { headers: { cookie: stolen } });
  assert.equal(replay.text, "null");
});

await step("sign out without a session", async () => {
  assert.deepEqual(given(await new Browser(origin).client.signOut()), { success: true });
});

// ------------------------------------------------------------------------------------------------ sessions

await step("get session, signed in", async () => {
  const { client, email, token, user } = await newcomer("Session");
  const data = given(await client.getSession());
  hasKeys(data.session, SESSION_KEYS, PLUGIN_SESSION_KEYS);
  hasKeys(data.user, USER_KEYS, PLUGIN_USER_KEYS);
  assert.equal(data.session.token, token);
  assert.equal(data.session.userId, user.id);
  assert.equal(data.user.email, email);
  assert.ok(data.session.ipAddress === null || typeof data.session.ipAddress === "string");
  assert.equal(typeof data.session.userAgent, "string");
  for (const key of ["createdAt", "updatedAt", "expiresAt"]) assert.ok(data.session[key] instanceof Date, key);
  const strict = given(await client.getSession({ query: { disableCookieCache: true } }));
  assert.equal(strict.session.id, data.session.id);
});

await step("get session, signed out", async () => {
  assert.equal(given(await new Browser(origin).client.getSession()), null);
  const answer = await bare("GET", `${origin}/api/auth/get-session`);
  assert.equal(answer.status, 200);
  assert.equal(answer.text, "null");
  assert.equal(answer.headers["content-type"], "application/json");
  assert.match(answer.headers["cache-control"], /\bno-store\b/);
});

await step("get session: raw JSON, dates, content type, no-store", async () => {
  const { browser } = await newcomer("Raw");
  const answer = await browser.raw("GET", "/get-session");
  assert.equal(answer.headers["content-type"], "application/json");
  assert.match(answer.headers["cache-control"], /\bno-store\b/);
  const { session, user } = answer.json;
  assert.equal(answer.text, JSON.stringify(answer.json), "compact JSON");
  for (const date of [session.createdAt, session.updatedAt, session.expiresAt, user.createdAt, user.updatedAt]) {
    assert.match(date, WIRE_DATE);
  }
});

await step("get session: a cookie that is not percent-encoded is read too", async () => {
  const { browser, token } = await newcomer("Encoded");
  const cookie = `a=b; ${SESSION_COOKIE}=${decodeURIComponent(browser.jar.get(SESSION_COOKIE))}`;
  const answer = await bare("GET", `${origin}/api/auth/get-session`, { headers: { cookie } });
  assert.equal(answer.json.session.token, token);
});

await step("get session: an altered cookie is nobody", async () => {
  const { browser, token } = await newcomer("Forged");
  const signed = decodeURIComponent(browser.jar.get(SESSION_COOKIE));
  const signature = signed.slice(signed.lastIndexOf(".") + 1);
  const flipped = (signature[0] === "A" ? "B" : "A") + signature.slice(1);
  const forgeries = [
    `${token}.${flipped}`, `${token}.`, token, `x${token}.${signature}`, `${token}.${signature.slice(0, -1)}`,
    `.${signature}`, "%ff%00", "",
  ];
  for (const value of forgeries) {
    const headers = { cookie: `${SESSION_COOKIE}=${value.includes("%") ? value : encodeURIComponent(value)}` };
    const answer = await bare("GET", `${origin}/api/auth/get-session`, { headers });
    assert.equal(answer.status, 200, value);
    assert.equal(answer.text, "null", value);
    refusedRaw(await bare("GET", `${origin}/api/auth/list-sessions`, { headers }), 401, UNAUTHORIZED);
  }
});

await step("get session by POST is refused", async () => {
  const { browser } = await newcomer("Post");
  const answer = await browser.raw("POST", "/get-session", { json: {} });
  refusedRaw(answer, 405, {
    message: "POST method requires deferSessionRefresh to be enabled in session config",
    code: "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
  });
});

await step("useSession follows sign-in and sign-out", async () => {
  const person = await newcomer("Store");
  const { client } = new Browser(origin);
  let state;
  const stop = client.useSession.subscribe((value) => (state = value));
  try {
    given(await client.signIn.email({ email: person.email, password: PASSWORD }));
    await eventually("the store knows the user", () => state.data?.user?.email === person.email);
    assert.equal(state.error, null);
    assert.ok(state.data.session.expiresAt instanceof Date);
    given(await client.updateUser({ name: "Stored" }));
    await eventually("the store knows the new name", () => state.data?.user?.name === "Stored");
    given(await client.signOut());
    await eventually("the store is empty", () => state.data === null && state.isPending === false);
    assert.equal(state.error, null);
  } finally {
    stop();
  }
});

await step("GET /me knows the session", async () => {
  const { browser, email, user } = await newcomer("Me");
  const signedIn = await bare("GET", `${origin}/me`, { headers: { cookie: browser.jar.header() } });
  assert.equal(signedIn.status, 200);
  assert.deepEqual(signedIn.json, { id: user.id, email });
  assert.equal((await bare("GET", `${origin}/me`)).status, 401);
});

await step("list sessions", async () => {
  const person = await newcomer("List");
  const other = await elsewhere(person);
  const sessions = given(await person.client.listSessions());
  assert.equal(sessions.length, 2);
  for (const session of sessions) {
    hasKeys(session, SESSION_KEYS, PLUGIN_SESSION_KEYS);
    assert.equal(session.userId, person.user.id);
    assert.ok(session.expiresAt instanceof Date);
  }
  assert.equal(sessions.filter((session) => session.token === person.token).length, 1, "one's own token in full");
  // The other one's `token` is its token at Better Auth, and a handle that signs nobody in at authmw.
  assert.equal(new Set(sessions.map((session) => session.token)).size, 2);
  assert.equal(await isSignedIn(other.browser), true);
});

await step("list sessions shows nobody else's", async () => {
  const one = await newcomer("One");
  await newcomer("Two");
  assert.equal(given(await one.client.listSessions()).length, 1);
});

await step("revoke session", async () => {
  const person = await newcomer("Revoke");
  const other = await elsewhere(person);
  const listed = given(await person.client.listSessions()).find((session) => session.token !== person.token);
  assert.deepEqual(given(await person.client.revokeSession({ token: listed.token })), { status: true });
  assert.equal(await isSignedIn(other.browser), false);
  assert.equal(await isSignedIn(person.browser), true);
  assert.equal(given(await person.client.listSessions()).length, 1);
});

await step("revoke session: one's own", async () => {
  const person = await newcomer("Own");
  assert.deepEqual(given(await person.client.revokeSession({ token: person.token })), { status: true });
  assert.equal(await isSignedIn(person.browser), false);
});

await step("revoke session: unknown or another person's does nothing", async () => {
  const person = await newcomer("Mine");
  const stranger = await newcomer("Stranger");
  assert.deepEqual(given(await person.client.revokeSession({ token: "unknown" })), { status: true });
  assert.deepEqual(given(await person.client.revokeSession({ token: stranger.token })), { status: true });
  assert.equal(await isSignedIn(stranger.browser), true);
});

await step("revoke other sessions", async () => {
  const person = await newcomer("Others");
  const others = [await elsewhere(person), await elsewhere(person)];
  assert.deepEqual(given(await person.client.revokeOtherSessions()), { status: true });
  for (const other of others) assert.equal(await isSignedIn(other.browser), false);
  assert.equal(await isSignedIn(person.browser), true);
});

await step("revoke sessions", async () => {
  const person = await newcomer("All");
  const other = await elsewhere(person);
  assert.deepEqual(given(await person.client.revokeSessions()), { status: true });
  assert.equal(await isSignedIn(other.browser), false);
  assert.equal(await isSignedIn(person.browser), false);
});

await step("revocation without a body", async () => {
  for (const path of ["/revoke-other-sessions", "/revoke-sessions", "/sign-out"]) {
    const { browser } = await newcomer("Bodiless");
    assert.equal((await browser.raw("POST", path)).status, 200, path);
  }
});

await step("update session has no fields to update", async () => {
  const { browser, client } = await newcomer("Fields");
  refused(await client.updateSession({ token: "chosen", userId: "x" }), 400, null, "No fields to update");
  refusedRaw(await browser.raw("POST", "/update-session", { json: {} }), 400, { message: "No fields to update" });
});

// ------------------------------------------------------------------------------------------------ the user

await step("update user: name and image", async () => {
  const { client, user } = await newcomer("Old");
  const image = "https://example.com/face.png";
  assert.deepEqual(given(await client.updateUser({ name: "New", image })), { status: true });
  const now = given(await client.getSession()).user;
  assert.equal(now.name, "New");
  assert.equal(now.image, image);
  assert.equal(now.id, user.id);
  assert.ok(now.updatedAt.getTime() >= user.updatedAt.getTime());
  given(await client.updateUser({ image: null }));
  assert.equal(given(await client.getSession()).user.image, null);
});

await step("update user: not the address, not nothing, not the guarded columns", async () => {
  const { browser, client, email, user } = await newcomer("Update");
  const change = await client.updateUser({ email: freshAddress("other") });
  refused(change, 400, "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated");
  refusedRaw(await browser.raw("POST", "/update-user", { json: {} }), 400, { message: "No fields to update" });
  refused(await client.updateUser({ emailVerified: true, id: "x" }), 400, null, "No fields to update");
  refused(await client.updateUser({}), 404); // the client asks by GET when there is nothing to say
  const now = given(await client.getSession()).user;
  assert.deepEqual([now.id, now.email, now.emailVerified], [user.id, email, false]);
});

await step("list accounts", async () => {
  const { browser, client, user } = await newcomer("Account");
  const [account, ...rest] = given(await client.listAccounts());
  assert.equal(rest.length, 0);
  hasKeys(account, ["id", "providerId", "accountId", "userId", "scopes", "createdAt", "updatedAt"], []);
  assert.equal(account.providerId, "credential");
  assert.equal(account.accountId, user.id);
  assert.equal(account.userId, user.id);
  assert.deepEqual(account.scopes, []);
  const raw = (await browser.raw("GET", "/list-accounts")).json[0];
  for (const date of [raw.createdAt, raw.updatedAt]) assert.match(date, WIRE_DATE);
});

await step("unlink account: not the last one", async () => {
  const { client } = await newcomer("Unlink");
  const [account] = given(await client.listAccounts());
  const last = [400, "FAILED_TO_UNLINK_LAST_ACCOUNT", "You can't unlink your last account"];
  refused(await client.unlinkAccount({ accountId: account.id }), ...last);
  refused(await client.unlinkAccount({ accountId: "unknown" }), ...last);
  assert.equal(given(await client.listAccounts()).length, 1);
});

// ------------------------------------------------------------------------------------------------ passwords

await step("verify password", async () => {
  const { client } = await newcomer("Verify");
  const ask = (password) => client.$fetch("/verify-password", { method: "POST", body: { password } });
  assert.deepEqual(given(await ask(PASSWORD)), { status: true });
  refused(await ask(OTHER_PASSWORD), 400, "INVALID_PASSWORD", "Invalid password");
});

await step("change password: wrong current, too short, too long", async () => {
  const { client } = await newcomer("Guess");
  const change = (fields) => client.changePassword({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, ...fields });
  refused(await change({ currentPassword: OTHER_PASSWORD }), 400, "INVALID_PASSWORD", "Invalid password");
  refused(await change({ newPassword: "a2c4e6g" }), 400, "PASSWORD_TOO_SHORT", "Password too short");
  refused(await change({ newPassword: "ab".repeat(65) }), 400, "PASSWORD_TOO_LONG", "Password too long");
});

await step("change password, other sessions stay", async () => {
  const person = await newcomer("Keep");
  const other = await elsewhere(person);
  const data = given(
    await person.client.changePassword({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, revokeOtherSessions: false }),
  );
  assert.equal(data.token, null);
  hasKeys(data.user, USER_KEYS, PLUGIN_USER_KEYS);
  assert.equal(data.user.id, person.user.id);
  assert.equal(await isSignedIn(person.browser), true);
  assert.equal(await isSignedIn(other.browser), true);
  const { client } = new Browser(origin);
  refused(await client.signIn.email({ email: person.email, password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
  given(await client.signIn.email({ email: person.email, password: OTHER_PASSWORD }));
});

await step("change password, other sessions end", async () => {
  const person = await newcomer("End");
  const other = await elsewhere(person);
  const before = person.browser.jar.header();
  const data = given(
    await person.client.changePassword({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, revokeOtherSessions: true }),
  );
  assert.match(data.token, /^[A-Za-z0-9]{32}$/);
  assert.notEqual(data.token, person.token);
  assert.equal(await isSignedIn(other.browser), false);
  assert.equal(given(await person.client.getSession()).session.token, data.token);
  const replay = await bare("GET", `${origin}/api/auth/get-session`, { headers: { cookie: before } });
  assert.equal(replay.text, "null", "the cookie from before is dead");
});

await step("set password cannot be reached", async () => {
  const { client } = await newcomer("Set");
  refused(await client.$fetch("/set-password", { method: "POST", body: { newPassword: OTHER_PASSWORD } }), 404);
});

await step("password reset: the mail, the link, once", async () => {
  const person = await newcomer("Reset");
  const mark = outbox.mark();
  const { client } = new Browser(origin);
  const asked = given(await client.requestPasswordReset({ email: person.email, redirectTo: "/reset?from=mail" }));
  const message = "If this email exists in our system, check your email for the reset link";
  assert.deepEqual(asked, { status: true, message });
  const mail = await outbox.next(mark, "reset-password", person.email);
  assert.match(mail.token, /^[A-Za-z0-9]{24}$/);
  const target = encodeURIComponent("/reset?from=mail");
  assert.equal(mail.url, `${origin}/api/auth/reset-password/${mail.token}?callbackURL=${target}`);

  const opened = await bare("GET", mail.url);
  assert.equal(opened.status, 302);
  assert.equal(opened.headers.location, `${origin}/reset?from=mail&token=${mail.token}`);
  assert.equal(opened.text, "");

  refused(await client.resetPassword({ newPassword: "a2c4e6g", token: mail.token }), 400, "PASSWORD_TOO_SHORT");
  assert.deepEqual(given(await client.resetPassword({ newPassword: OTHER_PASSWORD, token: mail.token })), { status: true });
  assert.equal(await isSignedIn({ client }), false, "a reset signs nobody in");
  const again = await client.resetPassword({ newPassword: PASSWORD, token: mail.token });
  refused(again, 400, "INVALID_TOKEN", "Invalid token");
  refused(await client.signIn.email({ email: person.email, password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
  given(await client.signIn.email({ email: person.email, password: OTHER_PASSWORD }));
});

await step("password reset: the token may stand in the query", async () => {
  const person = await newcomer("Query");
  const mark = outbox.mark();
  given(await person.client.requestPasswordReset({ email: person.email }));
  const mail = await outbox.next(mark, "reset-password", person.email);
  assert.ok(mail.url.includes(mail.token), mail.url);
  assert.equal(leadsBackTo(mail) || "/", "/");
  given(await new Browser(origin).client.resetPassword({ newPassword: OTHER_PASSWORD, query: { token: mail.token } }));
  given(await new Browser(origin).client.signIn.email({ email: person.email, password: OTHER_PASSWORD }));
});

await step("password reset: an unknown address gets the same answer and no mail", async () => {
  const unknown = freshAddress("unknown");
  const known = await newcomer("Known");
  const mark = outbox.mark();
  const { client } = new Browser(origin);
  const forUnknown = given(await client.requestPasswordReset({ email: unknown }));
  assert.deepEqual(forUnknown, given(await client.requestPasswordReset({ email: known.email })));
  await outbox.next(mark, "reset-password", known.email);
  assert.deepEqual(outbox.all().filter((mail) => mail.to === unknown), []);
});

await step("password reset: links that are worth nothing", async () => {
  const api = `${origin}/api/auth`;
  const withTarget = await bare("GET", `${api}/reset-password/unknown?callbackURL=%2Freset`);
  assert.equal(withTarget.status, 302);
  assert.equal(withTarget.headers.location, `${origin}/reset?error=INVALID_TOKEN`);
  const without = await bare("GET", `${api}/reset-password/unknown?callbackURL=`);
  assert.equal(without.status, 302);
  assert.equal(without.headers.location, `${api}/error?error=INVALID_TOKEN`);
  const evil = await bare("GET", `${api}/reset-password/unknown?callbackURL=${encodeURIComponent(EVIL)}`);
  refusedRaw(evil, 403, INVALID_CALLBACK_URL);
  const { client } = new Browser(origin);
  refused(await client.resetPassword({ newPassword: OTHER_PASSWORD, token: "unknown" }), 400, "INVALID_TOKEN");
  refused(await client.resetPassword({ newPassword: OTHER_PASSWORD }), 400, "INVALID_TOKEN");
});

await step("password reset: redirectTo must be ours", async () => {
  const { client, email } = await newcomer("Redirect");
  const answer = await client.requestPasswordReset({ email, redirectTo: `${EVIL}/x` });
  refused(answer, 403, "INVALID_REDIRECT_URL", "Invalid redirectURL");
});

// ------------------------------------------------------------------------------------------------ the address

await step("verify email", async () => {
  const person = await newcomer("Confirm");
  const mark = outbox.mark();
  const asked = given(await person.client.sendVerificationEmail({ email: person.email, callbackURL: "/welcome" }));
  assert.deepEqual(asked, { status: true });
  const mail = await outbox.next(mark, "verify-email", person.email);
  assert.equal(leadsBackTo(mail), "/welcome");
  const answer = given(await person.client.verifyEmail({ query: { token: mail.token } }));
  assert.deepEqual(answer, { status: true, user: null });
  assert.equal(given(await person.client.getSession({ query: { disableCookieCache: true } })).user.emailVerified, true);
  const again = given(await person.client.verifyEmail({ query: { token: mail.token } }));
  assert.deepEqual(again, { status: true, user: null });
  const late = await person.client.sendVerificationEmail({ email: person.email });
  refused(late, 400, "EMAIL_ALREADY_VERIFIED", "Email is already verified");
});

await step("verify email by the link, signed out: a redirect and no session", async () => {
  const person = await newcomer("Click");
  const mark = outbox.mark();
  given(await person.client.sendVerificationEmail({ email: person.email, callbackURL: "/welcome?a=1" }));
  const mail = await outbox.next(mark, "verify-email", person.email);
  const visitor = new Browser(origin);
  const answer = await visitor.raw("GET", verifyPath(mail));
  assert.equal(answer.status, 302, answer.text);
  assert.equal(answer.headers.location, "/welcome?a=1");
  assert.equal(await isSignedIn(visitor), false);
  assert.equal(given(await person.client.getSession({ query: { disableCookieCache: true } })).user.emailVerified, true);
});

await step("verify email: tokens and targets that are worth nothing", async () => {
  const { client } = new Browser(origin);
  refused(await client.verifyEmail({ query: { token: "unknown" } }), 401, "INVALID_TOKEN", "Invalid token");
  const api = `${origin}/api/auth/verify-email`;
  const redirected = await bare("GET", `${api}?token=unknown&callbackURL=%2Fwelcome`);
  assert.equal(redirected.status, 302);
  assert.equal(redirected.headers.location, "/welcome?error=INVALID_TOKEN");
  const joined = await bare("GET", `${api}?token=unknown&callbackURL=${encodeURIComponent("/welcome?a=1")}`);
  assert.equal(joined.headers.location, "/welcome?a=1&error=INVALID_TOKEN");
  refusedRaw(await bare("GET", `${api}?token=unknown&callbackURL=${encodeURIComponent(EVIL)}`), 403, INVALID_CALLBACK_URL);
  refusedRaw(await bare("GET", api), 400, validationError(expectedString("query.token", "undefined")));
  const twice = await bare("GET", `${api}?token=a&token=b`);
  refusedRaw(twice, 400, validationError(expectedString("query.token", "array")));
});

await step("verify email: an altered token", async () => {
  const person = await newcomer("Altered");
  const mail = await outbox.next(0, "verify-email", person.email);
  const [head, claims, signature] = mail.token.split(".");
  const altered = `${head}.${claims}.${signature[0] === "A" ? "B" : "A"}${signature.slice(1)}`;
  refused(await person.client.verifyEmail({ query: { token: altered } }), 401, "INVALID_TOKEN");
  assert.equal(given(await person.client.getSession()).user.emailVerified, false);
});

await step("send verification email: another's address, an unknown address", async () => {
  const { client } = await newcomer("Mismatch");
  refused(await client.sendVerificationEmail({ email: freshAddress("other") }), 400, "EMAIL_MISMATCH", "Email mismatch");
  const unknown = freshAddress("unknown");
  assert.deepEqual(given(await new Browser(origin).client.sendVerificationEmail({ email: unknown })), { status: true });
  assert.deepEqual(outbox.all().filter((mail) => mail.to === unknown), []);
});

await step("change email", async () => {
  const person = await confirmed(await newcomer("Move"));
  const newEmail = freshAddress("moved");
  const mark = outbox.mark();
  assert.deepEqual(given(await person.client.changeEmail({ newEmail, callbackURL: "/moved" })), { status: true });
  const kinds = ["change-email", "verify-email"];
  let mail = await outbox.next(mark, kinds, [person.email, newEmail]);
  if (mail.to === person.email) {
    // The server asks the old mailbox first; its link sends the second mail, and hands the callbackURL on.
    const first = await person.browser.raw("GET", verifyPath(mail));
    assert.deepEqual([first.status, first.headers.location], [302, "/moved"]);
    mail = await outbox.next(mark, kinds, newEmail);
  }
  assert.equal(leadsBackTo(mail), "/moved");
  assert.equal(given(await person.client.getSession()).user.email, person.email, "not before the link is followed");
  const answer = given(await person.client.verifyEmail({ query: { token: mail.token } }));
  assert.equal(answer.status, true);
  hasKeys(answer.user, USER_KEYS, PLUGIN_USER_KEYS);
  assert.deepEqual([answer.user.id, answer.user.email, answer.user.emailVerified], [person.user.id, newEmail, true]);
  const now = given(await person.client.getSession({ query: { disableCookieCache: true } })).user;
  assert.deepEqual([now.email, now.emailVerified], [newEmail, true]);
  const { client } = new Browser(origin);
  refused(await client.signIn.email({ email: person.email, password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
  given(await client.signIn.email({ email: newEmail, password: PASSWORD }));
});

await step("change email: the same, one that is taken", async () => {
  const person = await confirmed(await newcomer("Stay"));
  const { email: taken } = await newcomer("Neighbour");
  const same = await person.client.changeEmail({ newEmail: person.email.toUpperCase() });
  refused(same, 400, null, "Email is the same");
  assert.deepEqual(given(await person.client.changeEmail({ newEmail: taken })), { status: true });
  assert.equal(given(await person.client.getSession()).user.email, person.email);
});

// ------------------------------------------------------------------------------------------------ going away

await step("delete user", async () => {
  const person = await newcomer("Leave");
  const other = await elsewhere(person);
  const wrong = await person.client.deleteUser({ password: OTHER_PASSWORD });
  refused(wrong, 400, "INVALID_PASSWORD", "Invalid password");
  const mark = outbox.mark();
  let answer = given(await person.client.deleteUser({ password: PASSWORD }));
  if (answer.message === "Verification email sent") {
    const mail = await outbox.next(mark, "delete-account", person.email);
    answer = given(await person.client.deleteUser({ token: mail.token }));
  }
  assert.deepEqual(answer, { success: true, message: "User deleted" });
  assert.equal(await isSignedIn(person.browser), false);
  assert.equal(await isSignedIn(other.browser), false);
  const signIn = await new Browser(origin).client.signIn.email({ email: person.email, password: PASSWORD });
  refused(signIn, 401, "INVALID_EMAIL_OR_PASSWORD");
  given(await new Browser(origin).client.signUp.email({ name: "Back", email: person.email, password: PASSWORD }));
});

await step("delete user with a fresh session and nothing else", async () => {
  const person = await newcomer("Fresh");
  const answer = given(await person.client.deleteUser());
  assert.equal(answer.success, true);
  if (answer.message === "Verification email sent") return;
  assert.equal(answer.message, "User deleted");
  assert.equal(await isSignedIn(person.browser), false);
});

await step("delete user: a token that is worth nothing", async () => {
  const person = await newcomer("Token");
  refused(await person.client.deleteUser({ token: "unknown" }), 404, "INVALID_TOKEN", "Invalid token");
  refused(await person.client.deleteUser.callback({ query: { token: "unknown" } }), 404, "INVALID_TOKEN", "Invalid token");
  assert.equal(await isSignedIn(person.browser), true);
});

// ------------------------------------------------------------------------------------------------ refusals

await step("nobody may use what needs a session", async () => {
  const anonymous = new Browser(origin);
  const calls = [
    ["GET", "/list-sessions"],
    ["GET", "/list-accounts"],
    ["POST", "/revoke-session", { token: "x" }],
    ["POST", "/revoke-sessions", {}],
    ["POST", "/revoke-other-sessions", {}],
    ["POST", "/update-session", { a: 1 }],
    ["POST", "/update-user", { name: "x" }],
    ["POST", "/change-password", { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }],
    ["POST", "/change-email", { newEmail: freshAddress("x") }],
    ["POST", "/verify-password", { password: PASSWORD }],
    ["POST", "/delete-user", {}],
    ["POST", "/unlink-account", { accountId: "x" }],
  ];
  for (const [method, path, json] of calls) {
    const answer = await anonymous.raw(method, path, { json });
    assert.equal(answer.status, 401, `${path}: ${answer.status} ${answer.text}`);
    refusedRaw(answer, 401, UNAUTHORIZED);
  }
});

await step("unknown paths and wrong methods are 404 with nothing in them", async () => {
  const { browser } = await newcomer("Lost");
  const calls = [
    ["GET", "/unknown"], ["POST", "/unknown"], ["GET", "/sign-in/email"], ["GET", "/sign-out"], ["PUT", "/update-user"],
    ["DELETE", "/delete-user"], ["POST", "/list-sessions"], ["POST", "/ok"], ["HEAD", "/ok"], ["OPTIONS", "/sign-in/email"],
    ["GET", "/ok/"], ["GET", "//ok"], ["GET", "/Ok"], ["GET", "/"], ["GET", ""],
  ];
  for (const [method, path] of calls) {
    const answer = await browser.raw(method, path, method === "POST" ? { json: {} } : {});
    assert.deepEqual([answer.status, answer.text], [404, ""], `${method} ${path}`);
    assert.equal(answer.headers["content-type"], undefined, `${method} ${path}`);
  }
  const { error, data } = await browser.client.$fetch("/unknown");
  assert.equal(data, null);
  assert.equal(error.status, 404);
});

await step("bodies of a type that is not allowed are 415", async () => {
  const { browser } = await newcomer("Type");
  const text = { headers: { "content-type": "text/plain" }, body: "{}" };
  const refusal = (allowed) => ({
    message: `Content-Type "text/plain" is not allowed. Allowed types: ${allowed}`,
    code: "UNSUPPORTED_MEDIA_TYPE",
  });
  refusedRaw(await browser.raw("POST", "/update-user", text), 415, refusal("application/json"));
  const both = "application/x-www-form-urlencoded, application/json";
  refusedRaw(await browser.raw("POST", "/sign-in/email", text), 415, refusal(both));
  const form = { headers: { "content-type": "application/x-www-form-urlencoded" }, body: "name=x" };
  assert.equal((await browser.raw("POST", "/update-user", form)).status, 415);
  const untyped = await browser.raw("POST", "/update-user", { body: "{}" });
  // Better Auth over Node takes a body without a type for no body; 415 is its answer elsewhere.
  assert.ok([400, 415].includes(untyped.status), `${untyped.status} ${untyped.text}`);
  const parameters = { headers: { "content-type": "application/json; charset=utf-8" }, body: '{"name":"Typed"}' };
  assert.equal((await browser.raw("POST", "/update-user", parameters)).status, 200);
});

await step("bad JSON is 400", async () => {
  const { browser } = await newcomer("Json");
  const bad = { message: "Invalid JSON in request body", code: "BAD_REQUEST" };
  for (const body of ["{bad", '{"name":"x"', "{}x", '{"name":"x",}']) {
    const answer = await browser.raw("POST", "/update-user", { headers: { "content-type": "application/json" }, body });
    refusedRaw(answer, 400, bad);
  }
});

await step("validation messages", async () => {
  const anonymous = new Browser(origin);
  const email = freshAddress("valid");
  const cases = [
    ["/sign-up/email", { email, password: PASSWORD }, expectedString("body.name", "undefined")],
    ["/sign-up/email", { name: 1, email, password: PASSWORD }, expectedString("body.name", "number")],
    ["/sign-up/email", { name: null, email, password: PASSWORD }, expectedString("body.name", "null")],
    ["/sign-up/email", { name: "x", email: "no-address", password: PASSWORD }, "[body.email] Invalid email address"],
    ["/sign-up/email", { name: "x", email: "a..b@example.com", password: PASSWORD }, "[body.email] Invalid email address"],
    ["/sign-up/email", { name: "x", email, password: "" }, "[body.password] Too small: expected string to have >=1 characters"],
    ["/sign-up/email", { name: "x", email, password: PASSWORD, rememberMe: "yes" }, "[body.rememberMe] Invalid input: expected boolean, received string"],
    ["/sign-up/email", { name: [], email: "x", password: {} },
      `${expectedString("body.name", "array")}; [body.email] Invalid email address; ${expectedString("body.password", "object")}`],
    ["/sign-in/email", {}, `${expectedString("body.email", "undefined")}; ${expectedString("body.password", "undefined")}`],
    ["/sign-in/email", { email: true, password: 5 }, `${expectedString("body.email", "boolean")}; ${expectedString("body.password", "number")}`],
    ["/sign-in/email", [], "[body] Invalid input: expected object, received array"],
    ["/sign-in/email", "x", "[body] Invalid input: expected object, received string"],
    ["/sign-in/email", undefined, "[body] Invalid input: expected object, received undefined"],
    ["/sign-up/email", undefined,
      "[body] Invalid input: expected object, received undefined; [body] Invalid input: expected record, received undefined"],
    ["/request-password-reset", { email: "x" }, "[body.email] Invalid email address"],
    ["/request-password-reset", {}, expectedString("body.email", "undefined")],
    ["/reset-password", { token: "x" }, expectedString("body.newPassword", "undefined")],
    ["/send-verification-email", { email: 1 }, expectedString("body.email", "number")],
    // Without a session too: what was sent is looked at before who sent it.
    ["/change-password", { newPassword: OTHER_PASSWORD }, expectedString("body.currentPassword", "undefined")],
    ["/change-email", { newEmail: "x" }, "[body.newEmail] Invalid email address"],
    ["/revoke-session", {}, expectedString("body.token", "undefined")],
    ["/unlink-account", {}, expectedString("body.accountId", "undefined")],
    ["/verify-password", {}, expectedString("body.password", "undefined")],
    ["/delete-user", { password: 1 }, expectedString("body.password", "number")],
  ];
  const wrong = [];
  for (const [path, json, message] of cases) {
    const answer = await anonymous.raw("POST", path, { json });
    try {
      refusedRaw(answer, 400, validationError(message));
    } catch {
      wrong.push(`${path} ${JSON.stringify(json)}: ${answer.status} ${answer.text}, expected ${message}`);
    }
  }
  assert.deepEqual(wrong, []);
});

await step("the client shows a refusal as status, code and message", async () => {
  const { data, error } = await new Browser(origin).client.signUp.email({ name: "x", email: "x", password: PASSWORD });
  assert.equal(data, null);
  assert.deepEqual([error.status, error.code, error.message], [400, "VALIDATION_ERROR", "[body.email] Invalid email address"]);
});

// ------------------------------------------------------------------------------------------------ other sites

await step("a request with a cookie must say where it comes from", async () => {
  const { browser } = await newcomer("Origin");
  const from = (headers) => browser.raw("POST", "/update-user", { json: { name: "x" }, headers });
  const missing = { message: "Missing or null Origin", code: "MISSING_OR_NULL_ORIGIN" };
  const invalid = { message: "Invalid origin", code: "INVALID_ORIGIN" };
  refusedRaw(await from({ origin: undefined }), 403, missing);
  refusedRaw(await from({ origin: "null" }), 403, missing);
  refusedRaw(await from({ origin: EVIL }), 403, invalid);
  refusedRaw(await from({ origin: `${origin}.evil.example` }), 403, invalid);
  refusedRaw(await from({ origin: undefined, referer: `${EVIL}/page` }), 403, invalid);
  assert.equal((await from({ origin: undefined, referer: `${origin}/page?a=1` })).status, 200);
  assert.equal((await from({})).status, 200);
  assert.equal((await browser.raw("GET", "/get-session", { headers: { origin: EVIL } })).json.user.name, "x");
});

await step("a first sign-in cannot be forced from another site", async () => {
  const { email } = await newcomer("Forced");
  const signIn = (headers) =>
    bare("POST", `${origin}/api/auth/sign-in/email`, { json: { email, password: PASSWORD }, headers });
  const crossSite = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  refusedRaw(await signIn({ ...crossSite, origin: EVIL }), 403, {
    message: "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
    code: "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
  });
  refusedRaw(await signIn({ origin: EVIL }), 403, { message: "Invalid origin", code: "INVALID_ORIGIN" });
  refusedRaw(await signIn({ "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" }), 403, {
    message: "Missing or null Origin",
    code: "MISSING_OR_NULL_ORIGIN",
  });
  assert.equal((await signIn({})).status, 200, "a program that is no browser may");
});

await step("callbackURL must be ours, wherever it stands", async () => {
  const { browser, email } = await newcomer("Target");
  const signIn = (callbackURL) => browser.raw("POST", "/sign-in/email", { json: { email, password: PASSWORD, callbackURL } });
  for (const target of [EVIL, `${EVIL}/x`, "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%2fevil.example"]) {
    refusedRaw(await signIn(target), 403, INVALID_CALLBACK_URL);
  }
  for (const target of ["/home", "/a/b?c=d&e=f", `${origin}/home`]) {
    assert.equal((await signIn(target)).status, 200, target);
  }
  refusedRaw(await signIn(["/home"]), 400, { message: "Invalid callbackURL: expected a string" });
  refusedRaw(await browser.raw("POST", "/sign-out", { json: { callbackURL: EVIL } }), 403, INVALID_CALLBACK_URL);
  const inQuery = await browser.raw("POST", `/sign-out?callbackURL=${encodeURIComponent(EVIL)}`, { json: {} });
  refusedRaw(inQuery, 403, INVALID_CALLBACK_URL);
  assert.equal(await isSignedIn(browser), true);
  const error = await browser.raw("POST", "/sign-out", { json: { errorCallbackURL: EVIL } });
  refusedRaw(error, 403, { message: "Invalid errorCallbackURL", code: "INVALID_ERROR_CALLBACK_URL" });
  const newUser = await browser.raw("POST", "/sign-out", { json: { newUserCallbackURL: EVIL } });
  refusedRaw(newUser, 403, { message: "Invalid newUserCallbackURL", code: "INVALID_NEW_USER_CALLBACK_URL" });
});

await step("no other site may read answers", async () => {
  const answer = await bare("GET", `${origin}/api/auth/ok`, { headers: { origin: EVIL } });
  assert.equal(answer.headers["access-control-allow-origin"], undefined);
});

await step("the error page is HTML and runs nothing", async () => {
  const script = encodeURIComponent("<script>alert(1)</script>");
  const answer = await bare("GET", `${origin}/api/auth/error?error=${script}&error_description=${script}`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers["content-type"], /^text\/html/);
  assert.equal(answer.text.includes("<script>alert(1)"), false);
});

finish();
