"""MSAL for Python meets the emulated tenant. Prints what it saw as JSON."""

import html
import json
import os
import re
import sys
from urllib.parse import parse_qs, urljoin, urlsplit

import msal
import requests

LOGIN_HOST = os.environ["LOGIN_HOST"]  # http://127.0.0.1:PORT
GRAPH = os.environ["GRAPH"]
AUTHORITY = f"{LOGIN_HOST}/{os.environ['TENANT_ID']}"
API_SCOPE = f"api://{os.environ['API_CLIENT_ID']}/user_impersonation"
REDIRECT_URI = os.environ["REDIRECT_URI"]


def as_https(text):
    return text.replace(LOGIN_HOST, LOGIN_HOST.replace("http:", "https:"))


def as_http(text):
    return text.replace(LOGIN_HOST.replace("http:", "https:"), LOGIN_HOST)


class LoopbackClient:
    """MSAL insists on https. It is told so, and what it sends goes to the emulator's plain http."""

    def __init__(self):
        self.session = requests.Session()

    def get(self, url, **arguments):
        return self._send("GET", url, arguments)

    def post(self, url, **arguments):
        return self._send("POST", url, arguments)

    def close(self):
        self.session.close()

    def _send(self, method, url, arguments):
        response = self.session.request(method, as_http(url), timeout=20, **arguments)
        response._content = as_https(response.text).encode()
        return response


def application(prefix):
    return msal.ConfidentialClientApplication(
        os.environ[f"{prefix}_CLIENT_ID"],
        client_credential=os.environ[f"{prefix}_CLIENT_SECRET"],
        authority=as_https(AUTHORITY),
        instance_discovery=False,
        client_capabilities=["cp1"],
        http_client=LoopbackClient(),
    )


def sign_in(web, answers, claims=None):
    """Runs the authorization code flow; `answers` are those given on the emulator's pages."""
    flow = web.initiate_auth_code_flow([API_SCOPE], redirect_uri=REDIRECT_URI, claims_challenge=claims)
    browser = requests.Session()
    page = browser.get(as_http(flow["auth_uri"]), timeout=20)
    action = html.unescape(re.search(r'action="([^"]*)"', page.text)[1])
    answer = browser.post(urljoin(page.url, action), data=answers, allow_redirects=False, timeout=20)
    parameters = parse_qs(urlsplit(answer.headers["Location"]).query)
    result = web.acquire_token_by_auth_code_flow(flow, {name: values[0] for name, values in parameters.items()})
    return succeeded(result)


def succeeded(result):
    if not result or "error" in result:
        sys.exit(f"MSAL refused: {result and result.get('error_description')}")
    return result


def exchange(api, token):
    return api.acquire_token_on_behalf_of(token["access_token"], ["https://graph.microsoft.com/User.Read"])


def display_name(token):
    headers = {"Authorization": f"Bearer {succeeded(token)['access_token']}"}
    return requests.get(f"{GRAPH}/v1.0/me", headers=headers, timeout=20).json()["displayName"]


web, api = application("WEB"), application("API")
ada = sign_in(web, {"person": "ada"})
[account] = web.get_accounts()
refreshed = succeeded(web.acquire_token_silent([API_SCOPE], account, force_refresh=True))

mona = sign_in(web, {"person": "mona"})
challenge = exchange(api, mona)
strong_mona = sign_in(web, {"person": "mona", "second_factor": "passed"}, claims=challenge["claims"])

json.dump(
    {
        "signed_in": ada["id_token_claims"]["preferred_username"],
        "account": account["username"],
        "profile": display_name(exchange(api, ada)),
        "profile_after_refresh": display_name(exchange(api, refreshed)),
        "token_was_renewed": refreshed["access_token"] != ada["access_token"],
        "challenge": {name: challenge.get(name) for name in ["error", "suberror", "claims"]},
        "profile_after_challenge": display_name(exchange(api, strong_mona)),
    },
    sys.stdout,
)
