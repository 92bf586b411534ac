// A Better Auth server, told everything by the environment, exactly as `python -m example.everything` is:
// AUTHMW_BASE_URL AUTHMW_DATABASE_URL AUTHMW_SECRET AUTHMW_OUTBOX, and the switches AUTHMW_RATE_LIMIT (on unless "off"),
// AUTHMW_COOKIE_CACHE=on, AUTHMW_CONFIRM_CHANGE=1, AUTHMW_CONFIRM_DELETE=1, AUTHMW_SECOND_FACTOR=1. It also answers `/me` and
// `/jwt-me`.

import { createServer } from "node:http";
import { fromNodeHeaders, toNodeHandler } from "better-auth/node";
import { makeAuth, migrate, openDatabase, outboxAt } from "./better_auth.mjs";

const env = process.env;
for (const name of ["AUTHMW_BASE_URL", "AUTHMW_DATABASE_URL", "AUTHMW_SECRET"]) {
  if (!env[name]) throw new Error(`${name} is not set`);
}
if (env.NODE_ENV === "test" || env.NODE_ENV === "production") {
  throw new Error("in test mode Better Auth skips origin checks, in production it changes its error page");
}

const baseUrl = env.AUTHMW_BASE_URL.replace(/\/$/, "");
const { database, close } = openDatabase(env.AUTHMW_DATABASE_URL);
const auth = makeAuth({
  baseUrl,
  secret: env.AUTHMW_SECRET,
  database,
  send: outboxAt(env.AUTHMW_OUTBOX),
  rateLimit: env.AUTHMW_RATE_LIMIT !== "off",
  cookieCache: env.AUTHMW_COOKIE_CACHE === "on",
  confirmChange: env.AUTHMW_CONFIRM_CHANGE === "1",
  confirmDelete: env.AUTHMW_CONFIRM_DELETE === "1",
  secondFactor: env.AUTHMW_SECOND_FACTOR === "1",
});
await migrate(auth);

const answerApi = toNodeHandler(auth);

function answerPerson(response, person) {
  response.writeHead(person ? 200 : 401, { "content-type": "application/json" });
  response.end(JSON.stringify(person ? { id: person.id, email: person.email } : { message: "Unauthorized" }));
}

async function answerMe(request, response) {
  const found = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
  answerPerson(response, found?.user);
}

async function answerJwtMe(request, response) {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ");
  const isBearer = scheme.toLowerCase() === "bearer" && token;
  answerPerson(response, isBearer ? (await auth.api.verifyJWT({ body: { token } })).payload : null);
}

const pages = { "/me": answerMe, "/jwt-me": answerJwtMe };

const server = createServer((request, response) => {
  const path = new URL(request.url, baseUrl).pathname;
  const answer = pages[path] ?? answerApi;
  Promise.resolve(answer(request, response)).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});

const { hostname, port } = new URL(baseUrl);
server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ""), () => console.log(`listening on ${baseUrl}`));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
    close().finally(() => process.exit(0));
  });
}
