// Better Auth fills an empty database: three users with scrypt passwords and live sessions, and two pending links.
//
//     node make_database.mjs <database url> <secret> <base url> <out.json>
//
// out.json says what a browser and a mailbox hold afterwards:
// {"users": [{id name email password emailVerified image plan rememberMe cookie token expiresAt createdAt updatedAt userCreatedAt}],
//  "resetPassword": {email token url}, "verifyEmail": {email token url}}, where `cookie` is a whole Cookie header.

import { writeFileSync } from "node:fs";
import { ask, makeAuth, migrate, openDatabase } from "./better_auth.mjs";

const [databaseUrl, secret, baseUrl, outPath] = process.argv.slice(2);
if (!outPath) {
  console.error("usage: node make_database.mjs <database url> <secret> <base url> <out.json>");
  process.exit(2);
}

const PEOPLE = [
  { name: "Ada Lovelace", email: "ada@example.com", password: "analytical engine", rememberMe: true },
  { name: "Žofie 李 🦊", email: "zofie@example.com", password: " ﬁne påss 密码🔑 ", rememberMe: true },
  { name: "O'Brien \\ \"quoted\"", email: "brief@example.com", password: "only for today", rememberMe: false },
];

const mails = [];
const { database, close } = openDatabase(databaseUrl);
const auth = makeAuth({ baseUrl, secret, database, send: (kind, to, url, token) => mails.push({ kind, to, url, token }) });
await migrate(auth);

async function must(promise) {
  const answer = await promise;
  if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.json)}`);
  return answer;
}

const pending = (kind, email) => {
  const mail = mails.findLast((one) => one.kind === kind && one.to === email);
  return { email, token: mail.token, url: mail.url };
};

const users = [];
for (const { name, email, password, rememberMe } of PEOPLE) {
  await must(ask(auth, baseUrl, "POST", "/sign-up/email", { body: { name, email, password } }));
  const { cookie } = await must(ask(auth, baseUrl, "POST", "/sign-in/email", { body: { email, password, rememberMe } }));
  if (email === "ada@example.com") {
    const image = "https://example.com/ada.png";
    await must(ask(auth, baseUrl, "POST", "/update-user", { cookie, body: { image } }));
    const { token } = pending("verify-email", email);
    await must(ask(auth, baseUrl, "GET", `/verify-email?token=${token}`, { cookie }));
  }
  const { session, user } = (await must(ask(auth, baseUrl, "GET", "/get-session", { cookie }))).json;
  users.push({
    id: user.id, name, email, password, rememberMe, cookie,
    emailVerified: user.emailVerified, image: user.image, plan: user.plan, userCreatedAt: user.createdAt,
    token: session.token, expiresAt: session.expiresAt, createdAt: session.createdAt, updatedAt: session.updatedAt,
  });
}

const forgetful = PEOPLE[1].email;
await must(ask(auth, baseUrl, "POST", "/request-password-reset", { body: { email: forgetful, redirectTo: "/reset" } }));
const resetPassword = pending("reset-password", forgetful);
const verifyEmail = pending("verify-email", PEOPLE[2].email);

writeFileSync(outPath, `${JSON.stringify({ users, resetPassword, verifyEmail }, null, 2)}\n`);
await close();
console.log(`${users.length} users`);
