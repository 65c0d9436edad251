// A single-page application that shows the profile which the API returns.
//
// It signs people in by redirects (https://learn.microsoft.com/entra/msal/javascript/browser/login-user) and handles
// claims challenges as https://learn.microsoft.com/entra/identity-platform/claims-challenge says.

const { createStandardPublicClientApplication, InteractionRequiredAuthError } = window.msal
const { auth, scopes, profileUrl } = await (await fetch('configuration.json')).json()
const homeUrl = `${location.origin}/`
const application = await createStandardPublicClientApplication({
  auth: { ...auth, redirectUri: homeUrl, postLogoutRedirectUri: homeUrl, clientCapabilities: ['CP1'] },
})

// The state of the request to Entra that follows a challenge of the API.
const CHALLENGED = 'challenged'

const element = (id) => document.getElementById(id)
const show = (status) => (element('status').textContent = status)

async function start() {
  element('sign-in').addEventListener('click', () => application.loginRedirect({ scopes }))
  element('sign-out').addEventListener('click', () => application.logoutRedirect())
  try {
    const returned = await application.handleRedirectPromise()
    const [account] = application.getAllAccounts()
    if (account) await showProfile(account, returned?.state === CHALLENGED)
  } catch (error) {
    show(`That did not work: ${error.message}`)
  }
  const isSignedIn = application.getAllAccounts().length > 0
  element(isSignedIn ? 'sign-out' : 'sign-in').hidden = false
}

async function showProfile(account, wasChallenged) {
  const token = await accessToken(account)
  const headers = { Authorization: `Bearer ${token}`, 'client-request-id': crypto.randomUUID() }
  const response = await fetch(profileUrl, { headers })
  const claims = challengeClaims(response)
  // A second challenge in a row is shown, because it would send the person in circles.
  if (claims && !wasChallenged) {
    return application.acquireTokenRedirect({ account, scopes, claims, state: CHALLENGED })
  }
  const answer = await response.json()
  const request = `Request ${response.headers.get('request-id')}`
  if (!response.ok) return show(`${answer.code}: ${answer.detail} ${request}`)
  element('name').textContent = answer.displayName
  element('profile').textContent = JSON.stringify(answer, null, 2)
  show(request)
}

// From MSAL's cache or with the refresh token. If Entra must ask the person, this redirects to Entra.
async function accessToken(account) {
  try {
    return (await application.acquireTokenSilent({ account, scopes })).accessToken
  } catch (error) {
    if (!(error instanceof InteractionRequiredAuthError)) throw error
    return application.acquireTokenRedirect({ account, scopes })
  }
}

// The claims that a challenge requests, in the form that MSAL expects; undefined if there is no such challenge.
function challengeClaims(response) {
  const challenge = response.headers.get('WWW-Authenticate') ?? ''
  const claims = challenge.match(/\bclaims="([^"]+)"/)?.[1]
  return claims && atob(claims)
}

await start()
