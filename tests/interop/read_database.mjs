// Better Auth opens a database that was written by someone else, as it stands, and believes every row of it.
//
//     node read_database.mjs <database url> <secret> <base url> <in.json>
//
// in.json: {"cookies": [{"cookie", "email", "expiresAt", "createdAt"}], "passwords": [{"email", "password"}]}, where
// `cookie` is a whole Cookie header and dates are ISO text. Nothing is migrated.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ask, makeAuth, openDatabase } from "./better_auth.mjs";
import { finish, step } from "./browser.mjs";

const [databaseUrl, secret, baseUrl, inPath] = process.argv.slice(2);
if (!inPath) {
  console.error("usage: node read_database.mjs <database url> <secret> <base url> <in.json>");
  process.exit(2);
}

const { cookies = [], passwords = [] } = JSON.parse(readFileSync(inPath, "utf8"));
const { database, close } = openDatabase(databaseUrl);
const auth = makeAuth({ baseUrl, secret, database, send: () => {} });

async function sessionOf(cookie) {
  const answer = await ask(auth, baseUrl, "GET", "/get-session", { cookie });
  assert.equal(answer.status, 200);
  assert.notEqual(answer.json, null, "nobody");
  return answer.json;
}

/** The instant, not the text: `+00:00` and `Z` are one moment, and a shift of one millisecond is not. */
const instant = (text) => {
  const milliseconds = Date.parse(text);
  assert.ok(!Number.isNaN(milliseconds), `no date: ${text}`);
  return new Date(milliseconds).toISOString();
};

for (const { cookie, email, expiresAt, createdAt } of cookies) {
  await step(`session of ${email}`, async () => {
    const { session, user } = await sessionOf(cookie);
    assert.equal(user.email, email);
    assert.equal(session.userId, user.id);
    assert.equal(session.expiresAt, instant(expiresAt), "expiresAt");
    assert.equal(session.createdAt, instant(createdAt), "createdAt");
    const listed = await ask(auth, baseUrl, "GET", "/list-sessions", { cookie });
    assert.equal(listed.status, 200, JSON.stringify(listed.json));
    assert.ok(listed.json.some((one) => one.token === session.token));
  });
}

for (const { email, password } of passwords) {
  await step(`password of ${email}`, async () => {
    const signIn = (attempt) => ask(auth, baseUrl, "POST", "/sign-in/email", { body: { email, password: attempt } });
    const answer = await signIn(password);
    assert.equal(answer.status, 200, JSON.stringify(answer.json));
    assert.equal((await sessionOf(answer.cookie)).user.email, email);
    assert.equal((await signIn(`${password}x`)).status, 401, "another password opens it too");
  });
}

await close();
finish();
