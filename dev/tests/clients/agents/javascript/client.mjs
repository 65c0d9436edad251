// The client of Microsoft's Agents SDK for Microsoft's sidecar. Prints what it gets from another one as JSON.

import { SidecarAuthProvider } from "@microsoft/agents-hosting";

const SCOPE = "https://graph.microsoft.com/.default";
const AGENT = "22222222-2222-4222-8222-222222222222";

const provider = () => new SidecarAuthProvider({ serviceName: process.env.SERVICE, retryCount: 0, scopes: [SCOPE] });

async function outcome(waiting) {
  try {
    return await waiting;
  } catch (error) {
    return { error: error.name, text: error.message };
  }
}

console.log(
  JSON.stringify({
    healthy: await provider().isHealthy(),
    token: await outcome(provider().getAccessToken(SCOPE)),
    // Another one, because each remembers its tokens.
    again: await outcome(provider().getAccessToken(SCOPE)),
    agent: await outcome(provider().getAgenticInstanceToken(process.env.TENANT, AGENT)),
  }),
);
