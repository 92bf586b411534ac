// Better Auth, set up the way our own `example.everything` is: one place for the server and for the two database scripts.

import { appendFileSync } from "node:fs";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { bearer, jwt, multiSession, oneTimeToken, twoFactor } from "better-auth/plugins";
import Sqlite from "better-sqlite3";
import mysql from "mysql2/promise";
import pg from "pg";

export const SESSION_COOKIE = "better-auth.session_token";

/** Open `sqlite:///file.db`, `postgresql://user@host:port/name` or `mysql://user@host:port/name`. */
export function openDatabase(url) {
  if (url.startsWith("sqlite:///")) {
    const file = new Sqlite(url.slice("sqlite:///".length));
    return { database: file, close: async () => file.close() };
  }
  if (url.startsWith("postgresql://")) {
    const pool = new pg.Pool({ connectionString: url });
    return { database: pool, close: () => pool.end() };
  }
  if (url.startsWith("mysql://")) {
    // Without "Z" the driver writes the wall clock of this process into a column without a zone, and a server in
    // another zone reads another instant. Better Auth's manual asks for this line too.
    const pool = mysql.createPool({ uri: url, timezone: "Z" });
    return { database: pool, close: () => pool.end() };
  }
  throw new Error(`no driver for ${url}`);
}

/** A sender that adds one JSON line for each mail, in the form of authmw's FileMailer. */
export function outboxAt(path) {
  return (kind, to, url, token) => {
    if (!path) return;
    const subject = kind.replace("-", " ");
    appendFileSync(path, `${JSON.stringify({ kind, to, subject, url, token })}\n`);
  };
}

/** Better Auth sends the mail of an address change through the verification sender; only the token tells them apart. */
function kindOfVerification(token) {
  const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString("utf8"));
  return claims.updateTo === undefined ? "verify-email" : "change-email";
}

/**
 * @param {{baseUrl: string, secret: string, database: unknown, send: Function, rateLimit?: boolean,
 *          cookieCache?: boolean, confirmChange?: boolean, confirmDelete?: boolean, algorithm?: string,
 *          secondFactor?: boolean}} choices
 */
export function makeAuth(choices) {
  const { baseUrl, secret, database, send } = choices;
  return betterAuth({
    baseURL: baseUrl,
    secret,
    database,
    telemetry: { enabled: false },
    rateLimit: { enabled: choices.rateLimit === true },
    session: { cookieCache: { enabled: choices.cookieCache === true } },
    emailAndPassword: {
      enabled: true,
      sendResetPassword: async ({ user, url, token }) => send("reset-password", user.email, url, token),
    },
    emailVerification: {
      sendOnSignUp: true,
      sendVerificationEmail: async ({ user, url, token }) => send(kindOfVerification(token), user.email, url, token),
    },
    user: {
      additionalFields: { plan: { type: "string", defaultValue: "free", input: false } },
      changeEmail: {
        enabled: true,
        ...(choices.confirmChange && {
          sendChangeEmailConfirmation: async ({ user, url, token }) => send("change-email", user.email, url, token),
        }),
      },
      deleteUser: {
        enabled: true,
        ...(choices.confirmDelete && {
          sendDeleteAccountVerification: async ({ user, url, token }) =>
            send("delete-account", user.email, url, token),
        }),
      },
    },
    plugins: [
      bearer(),
      jwt({ jwks: { keyPairConfig: { alg: choices.algorithm ?? "EdDSA" } } }),
      oneTimeToken(),
      multiSession(),
      // It adds a column and a table that authmw does not have yet.
      ...(choices.secondFactor
        ? [twoFactor({ otpOptions: { sendOTP: ({ user, otp }) => send("two-factor-otp", user.email, undefined, otp) } })]
        : []),
    ],
  });
}

/** Create what Better Auth's own migrator says is missing. */
export async function migrate(auth) {
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
}

/** Give one request to Better Auth without a socket, as a page of its own site would. */
export async function ask(auth, baseUrl, method, path, { body, cookie } = {}) {
  const headers = { origin: new URL(baseUrl).origin };
  if (cookie) headers.cookie = cookie;
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await auth.handler(
    new Request(`${baseUrl}/api/auth${path}`, { method, headers, body: body && JSON.stringify(body) }),
  );
  const text = await response.text();
  const cookies = response.headers.getSetCookie().map((line) => line.split(";")[0]);
  return { status: response.status, json: text ? JSON.parse(text) : null, cookie: cookies.join("; ") };
}
