// What the peers on Node share, written as a careful engineer would: one client for the life of the process, the key set and
// MSAL's tokens cached, connections kept alive.

import { Agent, request as httpRequest } from "node:http";
import { ConfidentialClientApplication } from "@azure/msal-node";
import jsonwebtoken from "jsonwebtoken";
import { JwksClient } from "jwks-rsa";

const { AUTHORITY_URL, TENANT_ID, CLIENT_ID, CLIENT_SECRET } = process.env;
const REQUIRED_SCOPE = "user_impersonation";
const GRAPH_SCOPES = ["https://graph.microsoft.com/User.Read"];
export const LONGEST_WAIT = 20_000;

export const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Sends a request over a kept connection and reads the whole answer. */
export function send(method, url, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers, agent, timeout: LONGEST_WAIT }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) });
      });
      response.on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer from ${url} within ${LONGEST_WAIT} ms`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

// MSAL insists on https, so it gets an https address, and its requests are sent to the stand-in over plain http.
const HTTPS_AUTHORITY_URL = AUTHORITY_URL.replace("http:", "https:");
const asHttp = (text) => text.replaceAll(HTTPS_AUTHORITY_URL, AUTHORITY_URL);
const asHttps = (text) => text.replaceAll(AUTHORITY_URL, HTTPS_AUTHORITY_URL);

async function sendForMsal(method, url, options) {
  const answer = await send(method, asHttp(url), options?.headers, options?.body);
  return { status: answer.status, headers: answer.headers, body: JSON.parse(asHttps(answer.body.toString())) };
}

const msal = new ConfidentialClientApplication({
  auth: {
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    authority: `${HTTPS_AUTHORITY_URL}/${TENANT_ID}`,
    knownAuthorities: [new URL(AUTHORITY_URL).host],
    clientCapabilities: ["cp1"],
  },
  system: {
    networkClient: {
      sendGetRequestAsync: (url, options) => sendForMsal("GET", url, options),
      sendPostRequestAsync: (url, options) => sendForMsal("POST", url, options),
    },
  },
});

const keys = new JwksClient({
  jwksUri: `${AUTHORITY_URL}/${TENANT_ID}/discovery/v2.0/keys`,
  cache: true,
  cacheMaxAge: 24 * 60 * 60 * 1000,
  rateLimit: true,
  requestAgent: agent,
});

function signingKey(header, callback) {
  keys.getSigningKey(header.kid).then(
    (key) => callback(null, key.getPublicKey()),
    (error) => callback(error),
  );
}

const RULES = {
  algorithms: ["RS256"],
  audience: [CLIENT_ID, `api://${CLIENT_ID}`],
  issuer: `${AUTHORITY_URL}/${TENANT_ID}/v2.0`,
  clockTolerance: 300,
};

function verified(token) {
  return new Promise((resolve, reject) => {
    jsonwebtoken.verify(token, signingKey, RULES, (error, claims) => (error ? reject(error) : resolve(claims)));
  });
}

/** An answer with an explanation. */
export function problem(status, detail) {
  return { status, type: "application/problem+json", body: Buffer.from(JSON.stringify({ status, detail })) };
}

/** The caller's token and its claims, or the problem with them. */
export async function callerOf(request) {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ");
  if (scheme !== "Bearer" || !token) return { refusal: problem(401, "There is no bearer token.") };
  let claims;
  try {
    claims = await verified(token);
  } catch (error) {
    return { refusal: problem(401, error.message) };
  }
  if (claims.tid !== TENANT_ID || !(claims.scp ?? "").split(" ").includes(REQUIRED_SCOPE)) {
    return { refusal: problem(403, "The token is of another directory, or lacks the scope.") };
  }
  return { token, claims };
}

/** A token for Graph on behalf of whoever `token` is about. */
export async function graphToken(token) {
  const exchanged = await msal.acquireTokenOnBehalfOf({ oboAssertion: token, scopes: GRAPH_SCOPES });
  return exchanged.accessToken;
}

/** A request handler that sends what `answer` returns. */
export function handler(answer) {
  return async (request, response) => {
    let answered;
    try {
      answered = await answer(request, response);
    } catch (error) {
      answered = problem(502, error.message);
    }
    // Nothing if it was sent already.
    if (!answered) return;
    response.writeHead(answered.status, { "content-type": answered.type, "content-length": answered.body.length });
    response.end(answered.body);
  };
}
