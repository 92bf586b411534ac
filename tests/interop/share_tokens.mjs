// Better Auth and authmw sign with each other's private keys and redeem each other's one-time tokens: one database, one
// address, one secret.
//
//     node share_tokens.mjs <database url> <secret> <base url> <algorithm> migrate
//     node share_tokens.mjs <database url> <secret> <base url> <algorithm> here|there
//
// `migrate` makes the tables. Then the other server is at the base url, and the one here answers without a socket, under
// the same name. The key is made `here` (by Better Auth) or `there`, and from then on there is no other.

import assert from "node:assert/strict";
import { createLocalJWKSet, createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { ask, makeAuth, migrate, openDatabase } from "./better_auth.mjs";
import { bare, finish, step } from "./browser.mjs";

const [databaseUrl, secret, baseUrl, algorithm, what] = process.argv.slice(2);
if (!["migrate", "here", "there"].includes(what)) {
  console.error("usage: node share_tokens.mjs <database url> <secret> <base url> <algorithm> migrate|here|there");
  process.exit(2);
}

const { database, close } = openDatabase(databaseUrl);
const auth = makeAuth({ baseUrl, secret, database, algorithm, send: () => {} });
const api = `${baseUrl}/api/auth`;
const EMAIL = "shared@example.com";

const here = {
  get: async (path, cookie) => (await ask(auth, baseUrl, "GET", path, { cookie })).json,
  post: async (path, body) => (await ask(auth, baseUrl, "POST", path, { body })).json,
  knows: async (token) => (await auth.api.verifyJWT({ body: { token } })).payload?.email === EMAIL,
  keySet: async () => createLocalJWKSet(await here.get("/jwks")),
};
const there = {
  get: async (path, cookie) => (await bare("GET", `${api}${path}`, { headers: { cookie } })).json,
  post: async (path, json) => (await bare("POST", `${api}${path}`, { headers: { origin: baseUrl }, json })).json,
  knows: async (token) => {
    const answer = await bare("GET", `${baseUrl}/jwt-me`, { headers: { authorization: `Bearer ${token}` } });
    return answer.status === 200 && answer.json.email === EMAIL;
  },
  keySet: async () => createRemoteJWKSet(new URL(`${api}/jwks`)),
};

const body = { name: "Shared", email: EMAIL, password: "one for both of us" };

async function shareKeys(first, second, cookie) {
  const tokens = [];

  for (const [name, server] of [["the first", first], ["the second", second]]) {
    await step(`${name} makes a token`, async () => {
      const { token } = await server.get("/token", cookie);
      assert.equal(decodeProtectedHeader(token).alg, algorithm);
      tokens.push(token);
    });
  }
  await step("both of one key, which both of them list alike", async () => {
    const [one, two] = tokens.map((token) => decodeProtectedHeader(token).kid);
    assert.equal(one, two);
    const listed = await first.get("/jwks");
    assert.deepEqual(listed, await second.get("/jwks"));
    assert.deepEqual(listed.keys.map((key) => [key.kid, key.alg]), [[one, algorithm]]);
  });
  for (const [name, server] of [["the first", first], ["the second", second]]) {
    await step(`${name} takes what either of them made`, async () => {
      for (const token of tokens) {
        assert.equal(await server.knows(token), true);
        const [header, claims, signature] = token.split(".");
        const altered = (signature[0] === "A" ? "B" : "A") + signature.slice(1);
        assert.equal(await server.knows([header, claims, altered].join(".")), false);
      }
    });
    await step(`jose verifies both by the key set of ${name}`, async () => {
      const keys = await server.keySet();
      for (const token of tokens) {
        const { payload } = await jwtVerify(token, keys, { issuer: baseUrl, audience: baseUrl, algorithms: [algorithm] });
        assert.equal(payload.email, EMAIL);
      }
    });
  }
}

async function shareOneTimeTokens(first, second, cookie) {
  for (const [name, maker, taker] of [["the first", first, second], ["the second", second, first]]) {
    await step(`a one-time token of ${name} is good at the other, once`, async () => {
      const { token } = await maker.get("/one-time-token/generate", cookie);
      const { session, user } = await taker.post("/one-time-token/verify", { token });
      assert.equal(user.email, EMAIL);
      assert.equal(session.token, (await maker.get("/get-session", cookie)).session.token);
      for (const server of [maker, taker]) {
        assert.deepEqual(await server.post("/one-time-token/verify", { token }), { message: "Invalid token" });
      }
    });
  }
}

if (what === "migrate") {
  await migrate(auth);
} else {
  const { cookie } = await ask(auth, baseUrl, "POST", "/sign-up/email", { body });
  const servers = what === "here" ? [here, there] : [there, here];
  await shareKeys(...servers, cookie);
  await shareOneTimeTokens(...servers, cookie);
  finish();
}
await close();
