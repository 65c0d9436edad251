// The same jobs as those of the component entra, which it is compared with: a gateway in front of an app, and a sidecar that
// an app asks for tokens. Each of the three is a process of its own, as they would be deployed.
//
// Prints `Serving <url>` when it listens, and exits when its standard input ends.

import { fork } from "node:child_process";
import { createServer, request as httpRequest } from "node:http";
import { fileURLToPath } from "node:url";
import { LONGEST_WAIT, agent, callerOf, graphToken, handler, problem } from "./entra.mjs";

const OF_CONNECTION = [
  "connection", "expect", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
  "proxy-connection", "te", "transfer-encoding", "upgrade",
];
const OF_IDENTITY = /^x[-_]ms[-_](client[-_]principal|token[-_])/;

/** Says who calls, in as many bytes as the sidecar's answer. */
async function app(request) {
  const id = request.headers["x-ms-client-principal-id"] ?? "";
  const body = JSON.stringify({ id, padding: "0".repeat(1350) });
  return { status: 200, type: "application/json", body: Buffer.from(body) };
}

async function sidecar(request) {
  if (request.url !== "/AuthorizationHeader/graph") return problem(404, "There is nothing here.");
  const { refusal, token } = await callerOf(request);
  if (refusal) return refusal;
  const body = JSON.stringify({ authorizationHeader: `Bearer ${await graphToken(token)}` });
  return { status: 200, type: "application/json", body: Buffer.from(body) };
}

function toApp(headers) {
  const passes = ([name]) => !OF_CONNECTION.includes(name) && !OF_IDENTITY.test(name);
  return Object.fromEntries(Object.entries(headers).filter(passes));
}

/** Sends a request on as it arrives, and what comes back. */
function forward(request, response, port, headers) {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, method: request.method, path: request.url, headers, agent };
    const sent = httpRequest({ ...options, timeout: LONGEST_WAIT }, (answer) => {
      const passes = ([name]) => !OF_CONNECTION.includes(name);
      response.writeHead(answer.statusCode, Object.fromEntries(Object.entries(answer.headers).filter(passes)));
      answer.pipe(response);
      answer.on("end", resolve);
      answer.on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${LONGEST_WAIT} ms`)));
    sent.on("error", reject);
    request.pipe(sent);
  });
}

function gateway(ports) {
  return async (request, response) => {
    if (!request.url.startsWith("/gateway")) {
      // An app that asks the sidecar on behalf of its caller.
      return forward(request, response, ports.sidecar, { authorization: request.headers.authorization });
    }
    const { refusal, claims } = await callerOf(request);
    if (refusal) return refusal;
    const list = Object.entries(claims).flatMap(([typ, values]) => [values].flat().map((val) => ({ typ, val: `${val}` })));
    const principal = { auth_typ: "aad", claims: list, name_typ: "name", role_typ: "roles" };
    return forward(request, response, ports.app, {
      ...toApp(request.headers),
      "x-ms-client-principal": Buffer.from(JSON.stringify(principal)).toString("base64"),
      "x-ms-client-principal-id": claims.oid,
      "x-ms-client-principal-name": claims.preferred_username ?? claims.name,
      "x-ms-client-principal-idp": "aad",
      "x-forwarded-for": request.socket.remoteAddress,
      "x-forwarded-host": request.headers.host,
    });
  };
}

function listen(answer, listening) {
  const server = createServer(handler(answer));
  server.listen(0, "127.0.0.1", () => listening(server.address().port));
}

/** Another process of this program in another role, and the port on which it listens. */
function start(role) {
  return new Promise((resolve) => fork(fileURLToPath(import.meta.url), [role]).once("message", resolve));
}

const role = process.argv[2];
if (role) {
  process.on("disconnect", () => process.exit(0));
  listen({ app, sidecar }[role], (port) => process.send(port));
} else {
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
  const [appPort, sidecarPort] = await Promise.all([start("app"), start("sidecar")]);
  listen(gateway({ app: appPort, sidecar: sidecarPort }), (port) => console.log(`Serving http://127.0.0.1:${port}`));
}
