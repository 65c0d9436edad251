// MSAL for Node meets the emulated tenant. Prints what it saw as JSON.

import { randomUUID } from "node:crypto";
import { ConfidentialClientApplication, CryptoProvider } from "@azure/msal-node";

const { LOGIN_HOST, GRAPH, TENANT_ID, API_CLIENT_ID, REDIRECT_URI } = process.env;
const HTTPS_LOGIN_HOST = LOGIN_HOST.replace("http:", "https:");
const API_SCOPE = `api://${API_CLIENT_ID}/user_impersonation`;

const asHttp = (text) => text.replaceAll(HTTPS_LOGIN_HOST, LOGIN_HOST);
const asHttps = (text) => text.replaceAll(LOGIN_HOST, HTTPS_LOGIN_HOST);
const request = (url, options) => fetch(url, { signal: AbortSignal.timeout(20_000), ...options });

// MSAL insists on https. It is told so, and what it sends goes to the emulator's plain http.
const networkClient = {
  sendGetRequestAsync: (url, options) => send("GET", url, options),
  sendPostRequestAsync: (url, options) => send("POST", url, options),
};

async function send(method, url, options) {
  const response = await request(asHttp(url), { method, headers: options?.headers, body: options?.body });
  const body = JSON.parse(asHttps(await response.text()));
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}

function application(prefix) {
  return new ConfidentialClientApplication({
    auth: {
      clientId: process.env[`${prefix}_CLIENT_ID`],
      clientSecret: process.env[`${prefix}_CLIENT_SECRET`],
      authority: `${HTTPS_LOGIN_HOST}/${TENANT_ID}`,
      knownAuthorities: [new URL(LOGIN_HOST).host],
      clientCapabilities: ["cp1"],
    },
    system: { networkClient },
  });
}

// Runs the authorization code flow; `answers` are those given on the emulator's pages.
async function signIn(web, answers, claims) {
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const common = { scopes: [API_SCOPE], redirectUri: REDIRECT_URI, claims, state: randomUUID(), nonce: randomUUID() };
  const url = await web.getAuthCodeUrl({ ...common, codeChallenge: challenge, codeChallengeMethod: "S256" });
  const page = await request(asHttp(url));
  const action = (await page.text()).match(/action="([^"]*)"/)[1].replace(/&amp;|&#38;/g, "&");
  const body = new URLSearchParams(answers);
  const answer = await request(new URL(action, page.url), { method: "POST", body, redirect: "manual" });
  const parameters = Object.fromEntries(new URL(answer.headers.get("location")).searchParams);
  if (parameters.state !== common.state) throw new Error("the state is not the one that was sent");
  return web.acquireTokenByCode({ ...common, code: parameters.code, codeVerifier: verifier }, parameters);
}

function exchange(api, token) {
  return api.acquireTokenOnBehalfOf({
    oboAssertion: token.accessToken,
    scopes: ["https://graph.microsoft.com/User.Read"],
  });
}

async function displayName(token) {
  const response = await request(`${GRAPH}/v1.0/me`, { headers: { authorization: `Bearer ${token.accessToken}` } });
  return (await response.json()).displayName;
}

const [web, api] = [application("WEB"), application("API")];
const ada = await signIn(web, { person: "ada" });
const refreshed = await web.acquireTokenSilent({ account: ada.account, scopes: [API_SCOPE], forceRefresh: true });

const mona = await signIn(web, { person: "mona" });
const challenge = await exchange(api, mona).then(
  () => ({}),
  (error) => error,
);
const strongMona = await signIn(web, { person: "mona", second_factor: "passed" }, challenge.claims);

const seen = {
  signed_in: ada.idTokenClaims.preferred_username,
  account: ada.account.username,
  profile: await displayName(await exchange(api, ada)),
  profile_after_refresh: await displayName(await exchange(api, refreshed)),
  token_was_renewed: refreshed.accessToken !== ada.accessToken,
  challenge: { error: challenge.errorCode, suberror: challenge.subError, claims: challenge.claims },
  profile_after_challenge: await displayName(await exchange(api, strongMona)),
};
console.log(JSON.stringify(seen));
