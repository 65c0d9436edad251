// A single-page application that shows the profile which the API returns.
//
// It signs people in by redirects, as https://learn.microsoft.com/entra/msal/javascript/browser/login-user tells, and
// answers claims challenges as https://learn.microsoft.com/entra/identity-platform/claims-challenge asks of clients.

const { createStandardPublicClientApplication, InteractionRequiredAuthError } = window.msal
const { auth, scopes, profileUrl } = await (await fetch('configuration.json')).json()
const homeUrl = `${location.origin}/`
const application = await createStandardPublicClientApplication({
  auth: { ...auth, redirectUri: homeUrl, postLogoutRedirectUri: homeUrl, clientCapabilities: ['CP1'] },
})

// The state of the request to Entra that answers a challenge of the API.
const CHALLENGED = 'challenged'

const element = (id) => document.getElementById(id)
const tell = (status) => (element('status').textContent = status)

async function start() {
  element('sign-in').addEventListener('click', () => application.loginRedirect({ scopes }))
  element('sign-out').addEventListener('click', () => application.logoutRedirect())
  try {
    const returned = await application.handleRedirectPromise()
    const [account] = application.getAllAccounts()
    if (account) await showProfile(account, returned?.state === CHALLENGED)
  } catch (error) {
    tell(`That did not work: ${error.message}`)
  }
  const isSignedIn = application.getAllAccounts().length > 0
  element(isSignedIn ? 'sign-out' : 'sign-in').hidden = false
}

async function showProfile(account, wasChallenged) {
  const token = await accessToken(account)
  const headers = { Authorization: `Bearer ${token}`, 'client-request-id': crypto.randomUUID() }
  const response = await fetch(profileUrl, { headers })
  const claims = challengeClaims(response)
  // A second challenge in a row would send the person in circles: it is shown.
  if (claims && !wasChallenged) {
    return application.acquireTokenRedirect({ account, scopes, claims, state: CHALLENGED })
  }
  const answer = await response.json()
  const request = `Request ${response.headers.get('request-id')}`
  if (!response.ok) return tell(`${answer.code}: ${answer.detail} ${request}`)
  element('name').textContent = answer.displayName
  element('profile').textContent = JSON.stringify(answer, null, 2)
  tell(request)
}

// From MSAL's cache, else for the refresh token; where Entra must ask the person, the page is left for it.
async function accessToken(account) {
  try {
    return (await application.acquireTokenSilent({ account, scopes })).accessToken
  } catch (error) {
    if (!(error instanceof InteractionRequiredAuthError)) throw error
    return application.acquireTokenRedirect({ account, scopes })
  }
}

// The claims that a challenge asks for, as MSAL takes them; nothing where there is no such challenge.
function challengeClaims(response) {
  const challenge = response.headers.get('WWW-Authenticate') ?? ''
  const claims = challenge.match(/\bclaims="([^"]+)"/)?.[1]
  return claims && atob(claims)
}

await start()
