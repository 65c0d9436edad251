"""An API that the component `entra` guards: no request gets here before its caller is known."""

import json
from urllib.parse import urlsplit

from spin_sdk.http import Handler, Request, Response, send

SIDECAR = "http://entra.spin.internal"


class HttpHandler(Handler):
    async def handle_request(self, request: Request) -> Response:
        caller = request.headers.get("x-ms-client-principal-name")
        match urlsplit(request.uri).path:
            case "/":
                return text(200, f"Hello, {caller}!\n")
            case "/profile":
                return await ask("/DownstreamApi/graph?optionsOverride.RelativePath=me", request)
            case "/mail":
                return await ask("/DownstreamApi/mail?optionsOverride.RelativePath=me/messages", request)
        return text(404, "There is nothing here.\n")


async def ask(path: str, request: Request) -> Response:
    """Asks the sidecar in the name of whoever asks us."""
    headers = {"authorization": request.headers["authorization"]}
    response = await send(Request("GET", SIDECAR + path, headers, None))
    if response.status != 200:
        # A refusal says all that our own caller needs: status, code, WWW-Authenticate, Retry-After.
        return response
    result = json.loads(response.body or b"{}")
    return Response(result["statusCode"], {"content-type": "application/json"}, (result["content"] or "").encode())


def text(status: int, words: str) -> Response:
    return Response(status, {"content-type": "text/plain"}, words.encode())
