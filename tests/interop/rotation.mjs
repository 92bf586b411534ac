// Tokens are made and checked while their keys come and go, by two workers and by a service that caches the key set.
//
//     node rotation.mjs <base url> <other worker's url> <seconds>
//
// Prints {"tokens", "checks", "keys", "failures"}: how many tokens were made, how often one was checked, how many keys had
// signed, and what went wrong.

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { setTimeout as sleep } from "node:timers/promises";
import { bare } from "./browser.mjs";

const [baseUrl, otherUrl, seconds] = process.argv.slice(2);
if (!seconds) {
  console.error("usage: node rotation.mjs <base url> <other worker's url> <seconds>");
  process.exit(2);
}

const until = Date.now() + Number(seconds) * 1000;
/** The age at which tokens are checked once more. Most are then of a key that no longer signs. */
const LATER_MS = 4000;
const PAUSE_MS = 20;
// A service that reads the key set every second and a half, and does not ask for keys that it has not seen.
const keys = createRemoteJWKSet(new URL(`${baseUrl}/api/auth/jwks`), { cacheMaxAge: 1500, cooldownDuration: 60000 });
const workers = [baseUrl, otherUrl];

const keyIds = new Set();
const failures = [];
let tokens = 0;
let checks = 0;

async function expect(what, act) {
  try {
    return await act();
  } catch (error) {
    failures.push(`${what}: ${error.message}`);
  }
}

async function get(url, headers) {
  const answer = await bare("GET", url, { headers });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json;
}

async function check(token, when) {
  const authorization = `Bearer ${token}`;
  const { kid } = decodeProtectedHeader(token);
  for (const [index, worker] of workers.entries()) {
    await expect(`worker ${index}, ${when}, ${kid}`, () => get(`${worker}/jwt-me`, { authorization }));
  }
  await expect(`the service, ${when}, ${kid}`, () => jwtVerify(token, keys, { issuer: baseUrl, audience: baseUrl }));
  checks += workers.length + 1;
}

async function traffic(worker, cookie) {
  const later = [];
  while (Date.now() < until) {
    const answer = await expect("a token", () => get(`${worker}/api/auth/token`, { cookie }));
    if (answer) {
      tokens += 1;
      keyIds.add(decodeProtectedHeader(answer.token).kid);
      await check(answer.token, "at once");
      later.push({ token: answer.token, at: Date.now() + LATER_MS });
    }
    while (later[0]?.at <= Date.now()) await check(later.shift().token, "later");
    await sleep(PAUSE_MS);
  }
}

const body = { name: "Traffic", email: "traffic@example.com", password: "correct horse battery" };
const signedUp = await bare("POST", `${baseUrl}/api/auth/sign-up/email`, { json: body });
if (signedUp.status !== 200) throw new Error(`${signedUp.status} ${signedUp.text}`);
const cookie = signedUp.cookies.map((line) => line.split(";")[0]).join("; ");
// The very first key signs at once, there being no other: it is made before anybody caches the list.
await get(`${baseUrl}/api/auth/jwks`);
await Promise.all([...workers, ...workers].map((worker) => traffic(worker, cookie)));
console.log(JSON.stringify({ tokens, checks, keys: keyIds.size, failures }));
