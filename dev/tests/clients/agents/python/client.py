"""The client of Microsoft's Agents SDK for Microsoft's sidecar. Prints what it gets from another one as JSON."""

import asyncio
import json
import os

from microsoft_agents.authentication.entra_auth_sidecar import SidecarAuth, SidecarHttpClient
from microsoft_agents.hosting.core import AgentAuthConfiguration

SCOPE = "https://graph.microsoft.com/.default"
AGENT = "22222222-2222-4222-8222-222222222222"


async def outcome(waiting):
    try:
        return await waiting
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)}


async def main():
    client = SidecarHttpClient(os.environ["SIDECAR_URL"], retry_count=0)
    configuration = AgentAuthConfiguration(SERVICE_NAME=os.environ["SERVICE"])
    auth = SidecarAuth(configuration, sidecar_client=client)
    print(json.dumps({
        "healthy": await auth.is_healthy(),
        "token": await outcome(auth.get_access_token("", [SCOPE])),
        "again": await outcome(auth.get_access_token("", [SCOPE], force_refresh=True)),
        "agent": await outcome(auth.get_agentic_instance_token("", AGENT)),
    }))
    await auth.close()


asyncio.run(main())
