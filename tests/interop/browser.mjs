// What a script of the interop proof stands on: a browser's cookie jar, bare requests, the outbox, and named steps.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthClient } from "better-auth/client";

/** Both servers send mail after or during the answer; longer than this means that it does not come. */
const MAIL_PATIENCE_MS = 8000;

// ------------------------------------------------------------------------------------------------ cookies

/** `name=value; Max-Age=1; HttpOnly` → {name, value, attributes: {"max-age": "1", httponly: true}}. */
export function parseSetCookie(line) {
  const [pair, ...rest] = line.split(";").map((part) => part.trim());
  const cut = pair.indexOf("=");
  const attributes = {};
  for (const part of rest) {
    const [name, ...value] = part.split("=");
    attributes[name.toLowerCase()] = value.length ? value.join("=") : true;
  }
  return { name: pair.slice(0, cut), value: pair.slice(cut + 1), attributes };
}

/** The cookies of one browser for one site. Values are kept as they came: still percent-encoded. */
export class CookieJar {
  #values = new Map();

  take(setCookieLines) {
    for (const line of setCookieLines) {
      const { name, value, attributes } = parseSetCookie(line);
      if (value === "" || attributes["max-age"] === "0") this.#values.delete(name);
      else this.#values.set(name, value);
    }
  }

  get(name) {
    return this.#values.get(name);
  }

  set(name, value) {
    this.#values.set(name, value);
  }

  delete(name) {
    this.#values.delete(name);
  }

  names() {
    return [...this.#values.keys()];
  }

  header() {
    return [...this.#values].map(([name, value]) => `${name}=${value}`).join("; ");
  }
}

// ------------------------------------------------------------------------------------------------ a browser

/** One browser: a jar, the official client that uses it, and `raw` for what a client cannot say. */
export class Browser {
  constructor(origin, plugins = []) {
    this.origin = origin;
    this.jar = new CookieJar();
    /** The Set-Cookie lines of the latest answer to the client. */
    this.lastCookies = [];
    this.client = createAuthClient({
      baseURL: origin,
      plugins,
      fetchOptions: { customFetchImpl: (url, init) => this.#fetch(url, init) },
    });
  }

  async #fetch(url, init = {}) {
    const headers = new Headers(init.headers);
    headers.set("origin", this.origin);
    if (this.jar.header()) headers.set("cookie", this.jar.header());
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    this.lastCookies = response.headers.getSetCookie();
    this.jar.take(this.lastCookies);
    return response;
  }

  /** A request as a page of this site makes it: its cookies, its Origin. `path` is below /api/auth. */
  async raw(method, path, options = {}) {
    const headers = { origin: this.origin, ...options.headers };
    if (this.jar.header() && !("cookie" in headers)) headers.cookie = this.jar.header();
    const answer = await bare(method, `${this.origin}/api/auth${path}`, { ...options, headers });
    this.jar.take(answer.cookies);
    return answer;
  }
}

/**
 * One HTTP request with these headers and no others (fetch adds `Sec-Fetch-Mode`, which changes the origin checks).
 * `json` is encoded; `body` goes out as it is. Redirects are not followed. Headers given as undefined are left out.
 */
export function bare(method, url, { headers = {}, json, body } = {}) {
  const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  let bytes = body === undefined ? undefined : Buffer.from(body);
  if (json !== undefined) {
    bytes = Buffer.from(JSON.stringify(json));
    sent["content-type"] ??= "application/json";
  }
  if (bytes) sent["content-length"] = String(bytes.length);
  return new Promise((resolve, reject) => {
    // The path is given apart, so that `//` and the like go out unchanged.
    const { hostname, port, origin } = new URL(url);
    const request = http.request(
      { hostname: hostname.replace(/^\[|\]$/g, ""), port, method, path: url.slice(origin.length), headers: sent, agent: false },
      (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({
            status: response.statusCode,
            headers: response.headers,
            cookies: response.headers["set-cookie"] ?? [],
            text,
            get json() {
              return JSON.parse(text);
            },
          });
        });
      },
    );
    request.on("error", reject);
    request.end(bytes);
  });
}

// ------------------------------------------------------------------------------------------------ the outbox

export class Outbox {
  constructor(path) {
    this.path = path;
  }

  all() {
    if (!existsSync(this.path)) return [];
    const whole = readFileSync(this.path, "utf8").split("\n").slice(0, -1);
    return whole.filter((line) => line.trim()).map((line) => JSON.parse(line));
  }

  /** How many mails there are now; `next` looks behind such a mark. */
  mark() {
    return this.all().length;
  }

  /** Wait for a mail behind `mark`, of one of `kinds`, to one of `to`. */
  async next(mark, kinds, to) {
    const until = Date.now() + MAIL_PATIENCE_MS;
    for (;;) {
      const mails = this.all().slice(mark);
      const found = mails.find((mail) => [kinds].flat().includes(mail.kind) && [to].flat().includes(mail.to));
      if (found) return found;
      if (Date.now() > until) assert.fail(`no ${kinds} mail to ${to}; came: ${mails.map((mail) => `${mail.kind} to ${mail.to}`)}`);
      await sleep(25);
    }
  }
}

/** Wait until `probe` gives something truthy, and return it. */
export async function eventually(what, probe) {
  const until = Date.now() + 3000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > until) assert.fail(`did not happen: ${what}`);
    await sleep(20);
  }
}

// ------------------------------------------------------------------------------------------------ steps

let passed = 0;
let failed = 0;

/** Run one named step and print a line. A step that fails does not stop those after it. */
export async function step(name, act) {
  try {
    await act();
    passed += 1;
    console.log(`ok  ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${indented(error?.stack ?? String(error))}`);
  }
}

/** Print the sum and set the exit code. A script in which nothing ran has failed. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

const indented = (text) => text.replace(/^/gm, "    ");

/** An address nobody had before, also when the same database is used twice. */
export function freshAddress(name) {
  return `${name.toLowerCase()}.${randomBytes(6).toString("hex")}@example.com`;
}

// ------------------------------------------------------------------------------------------------ claims

/** The client was given data and no error; returns the data. */
export function given(result) {
  assert.equal(result.error, null, `refused: ${JSON.stringify(result.error)}`);
  return result.data;
}

/** The client was refused with this status, and this code (null: the answer has no code) and message. */
export function refused(result, status, code, message) {
  assert.equal(result.data, null, `not refused: ${JSON.stringify(result.data)}`);
  assert.equal(result.error.status, status, JSON.stringify(result.error));
  if (code !== undefined) assert.equal(result.error.code, code ?? undefined, JSON.stringify(result.error));
  if (message !== undefined) assert.equal(result.error.message, message);
}

/** A bare answer is a refusal with exactly this JSON body. */
export function refusedRaw(answer, status, body) {
  assert.equal(answer.status, status, `${answer.status} ${answer.text}`);
  assert.equal(answer.headers["content-type"], "application/json");
  assert.deepEqual(answer.json, body);
}
