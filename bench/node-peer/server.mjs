// The same job as profile-get's, which it is compared with.
//
// Prints `Serving <url>` when it listens, and exits when its standard input ends.

import { createServer } from "node:http";
import { callerOf, graphToken, handler, problem, send } from "./entra.mjs";

const { GRAPH_URL } = process.env;

async function profile(request) {
  if (request.url !== "/api/profile-get") return problem(404, "There is nothing here.");
  const { refusal, token } = await callerOf(request);
  if (refusal) return refusal;
  const authorization = `Bearer ${await graphToken(token)}`;
  const answer = await send("GET", `${GRAPH_URL}/v1.0/me`, { authorization });
  return { status: answer.status, type: answer.headers["content-type"], body: answer.body };
}

const server = createServer(handler(profile));

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
server.listen(0, "127.0.0.1", () => console.log(`Serving http://127.0.0.1:${server.address().port}`));
