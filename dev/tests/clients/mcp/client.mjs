// The official MCP client finds Entra from the server's address alone, signs ada in, and calls a tool. Prints what it saw.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { MCP_URL, GATEWAY_URL, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, WITHOUT_RESOURCE } = process.env;
const seen = {};

// What the DNS and a proxy with a certificate would do: the public address leads to the gateway.
const request = (url, options) => fetch(String(url).replace(new URL(MCP_URL).origin, GATEWAY_URL), options);

// Entra has no dynamic registration, so the client is one that was registered before.
const provider = {
  redirectUrl: REDIRECT_URI,
  clientMetadata: { redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: "client_secret_post" },
  // In the body: in the header the client would not encode it (RFC 6749 section 2.3.1), and it has a plus sign.
  clientInformation: () => ({
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    token_endpoint_auth_method: "client_secret_post",
  }),
  tokens: () => provider.held,
  saveTokens: (tokens) => void (provider.held = tokens),
  redirectToAuthorization: (url) => void (provider.url = url),
  saveCodeVerifier: (verifier) => void (provider.verifier = verifier),
  codeVerifier: () => provider.verifier,
  ...(WITHOUT_RESOURCE && { validateResourceURL: () => undefined }),
};

const connect = async () => {
  const transport = new StreamableHTTPClientTransport(new URL(MCP_URL), { authProvider: provider, fetch: request });
  const client = new Client({ name: "test", version: "1.0.0" });
  return { transport, client, error: await client.connect(transport).then(() => null, (error) => error) };
};

// Opens the page that the client would show, and chooses ada.
async function signIn() {
  const page = await fetch(provider.url, { redirect: "manual" });
  if (page.status === 302) return new URL(page.headers.get("location")).searchParams;
  const action = (await page.text()).match(/action="([^"]*)"/)[1].replace(/&amp;|&#38;/g, "&");
  const body = new URLSearchParams({ person: "ada" });
  const answer = await fetch(new URL(action, page.url), { method: "POST", body, redirect: "manual" });
  return new URL(answer.headers.get("location")).searchParams;
}

const first = await connect();
seen.first = first.error?.constructor.name ?? "connected";
seen.scope = provider.url?.searchParams.get("scope");
seen.resource = provider.url?.searchParams.get("resource");
const answer = await signIn();
seen.error = answer.get("error");
seen.code = answer.get("error_description")?.match(/^AADSTS\d+/)[0] ?? null;
if (answer.has("code")) {
  await first.transport.finishAuth(answer.get("code"));
  const second = await connect();
  if (second.error) throw second.error;
  seen.whoami = (await second.client.callTool({ name: "whoami" })).content[0].text;
  await second.client.close();
}
console.log(JSON.stringify(seen));
