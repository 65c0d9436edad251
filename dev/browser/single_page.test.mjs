// A plain single-page application, which gets its tokens by MSAL, calls the API from a real browser.
//
// APPLICATION contains, as JSON, the addresses of the API and of the emulated Entra, and the origin whose pages may
// call the API. CHROMIUM is the browser's program.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch, Visitor } from './browser.mjs'
import { serveSinglePage } from './single_page_server.mjs'

const { origin, apiUrl, apiClientId, authorityUrl, tenantId, clientId } = JSON.parse(process.env.APPLICATION)
const profileUrl = `${apiUrl}/api/profile-get`
const tokenUrl = `${authorityUrl}/${tenantId}/oauth2/v2.0/token`

const HOUR = 3600_000

// Chromium's error about a response, even if the page handles it.
const STATUS = (code) => new RegExp(`^error: Failed to load resource: the server responded with a status of ${code} `)

let browser
let server
let unlistedServer

before(async () => {
  const scopes = [`api://${apiClientId}/user_impersonation`]
  const configuration = { auth: await authentication(), scopes, profileUrl }
  server = await serveSinglePage(new URL(origin).port, configuration)
  unlistedServer = await serveSinglePage(0, configuration)
  browser = await launch(process.env.CHROMIUM)
})
after(async () => {
  await browser?.close()
  server?.close()
  unlistedServer?.close()
})

// MSAL accepts only authorities with https, and the emulated one uses http. But if the configuration contains the
// authority's metadata, which saves pages that request, the endpoints may be anywhere. So the authority has an https
// address, to which nothing is sent, and the metadata is that of the emulated one. The test does not route requests,
// because Playwright would then answer every preflight itself.
async function authentication() {
  const metadata = await fetch(`${authorityUrl}/${tenantId}/v2.0/.well-known/openid-configuration`)
  const { host } = new URL(authorityUrl)
  return {
    clientId,
    authority: `https://${host}/${tenantId}`,
    knownAuthorities: [host],
    authorityMetadata: await metadata.text(),
  }
}

// Runs `steps` with a new browser at the page. Chromium may report only `complaints`.
function visit(name, steps, { complaints = [], home = () => origin } = {}) {
  test(name, { timeout: 60_000 }, async () => {
    const visitor = await Visitor.open(browser, [home(), apiUrl, authorityUrl])
    const page = await visitor.page()
    const calls = await watchCalls(page)
    await page.goto(home())
    await steps(page, calls)
    await visitor.leave(complaints)
  })
}

// Collects what Chromium sends to the API. Playwright does not report preflights.
async function watchCalls(page) {
  const calls = []
  const session = await page.context().newCDPSession(page)
  session.on('Network.requestWillBeSent', ({ initiator, request }) => {
    if (request.url !== profileUrl) return
    calls.push(initiator.type === 'preflight' ? 'preflight' : request.method)
  })
  await session.send('Network.enable')
  return calls
}

const heading = (page) => page.getByRole('heading', { level: 1 }).textContent()
const status = (page) => page.getByRole('status').textContent()

// The page shows a button when it has done everything else.
const isDone = (page) => page.getByRole('button').waitFor()

// Runs `step`, which makes the page call the API again, and returns the response.
async function answerAfter(page, step) {
  const [answer] = await Promise.all([page.waitForResponse(profileUrl), step])
  return answer
}

async function signIn(page, person) {
  await page.getByRole('button', { name: 'Sign in' }).click()
  return answerAfter(page, pressAtEntra(page, 'person', person))
}

async function pressAtEntra(page, name, value) {
  await page.waitForURL(`${authorityUrl}/**`)
  await page.locator(`button[name=${name}][value=${value}]`).click()
}

describe('a single-page application', { concurrency: 2 }, () => {
  visit('shows who signed in', async (page, calls) => {
    const answer = await signIn(page, 'ada')
    await isDone(page)
    assert.equal(await heading(page), 'Ada Marsh')
    assert.equal(JSON.parse(await page.locator('pre').textContent()).displayName, 'Ada Marsh')
    assert.equal(page.url(), `${origin}/`)

    assert.deepEqual(calls.toSorted(), ['GET', 'preflight'])
    const sent = await answer.request().allHeaders()
    assert.match(sent.authorization, /^Bearer eyJ/)
    assert.deepEqual([sent.origin, sent['sec-fetch-site'], sent['sec-fetch-mode']], [origin, 'cross-site', 'cors'])
    assert.equal(sent.cookie, undefined)
    const received = await answer.allHeaders()
    assert.equal(received['access-control-allow-origin'], origin)
    assert.equal(received['client-request-id'], sent['client-request-id'])
    assert.equal(await status(page), `Request ${received['request-id']}`)
  })

  visit(
    'proves what the API challenges it to',
    async (page) => {
      const challenged = await signIn(page, 'mona')
      assert.equal(challenged.status(), 401)
      await page.waitForURL(`${authorityUrl}/**`)
      const claims = JSON.parse(new URL(page.url()).searchParams.get('claims'))
      assert.deepEqual(Object.keys(claims.access_token).toSorted(), ['capolids', 'xms_cc'])

      const answer = await answerAfter(page, pressAtEntra(page, 'second_factor', 'passed'))
      assert.equal(answer.status(), 200)
      await isDone(page)
      assert.equal(await heading(page), 'Mona Farouk')
    },
    { complaints: [STATUS(401)] },
  )

  visit(
    'ends a challenge that is declined',
    async (page, calls) => {
      await signIn(page, 'mona')
      await pressAtEntra(page, 'cancel', 'yes')
      await isDone(page)
      assert.match(await status(page), /^That did not work: access_denied/)
      assert.deepEqual(calls.toSorted(), ['GET', 'preflight'])
    },
    { complaints: [STATUS(401)] },
  )

  visit(
    'shows why it is refused',
    async (page) => {
      const answer = await signIn(page, 'connie')
      assert.equal(answer.status(), 403)
      await isDone(page)
      assert.match(await status(page), /^consent_required: .* Request [0-9a-f-]{36}$/)
    },
    { complaints: [STATUS(403)] },
  )

  visit('renews a token that has expired', async (page) => {
    const first = await signIn(page, 'ada')
    await isDone(page)
    await page.clock.setSystemTime(Date.now() + 2 * HOUR)
    const renewal = page.waitForRequest(`${tokenUrl}**`)
    const second = await answerAfter(page, page.reload())
    assert.equal(new URLSearchParams((await renewal).postData()).get('grant_type'), 'refresh_token')
    assert.equal(second.status(), 200)
    const [old, renewed] = await Promise.all([first, second].map((answer) => answer.request().allHeaders()))
    assert.notEqual(renewed.authorization, old.authorization)
    await isDone(page)
    assert.equal(await heading(page), 'Ada Marsh')
  })

  visit('signs people out here and at Entra', async (page) => {
    await signIn(page, 'ada')
    await page.getByRole('button', { name: 'Sign out' }).click()
    const signInButton = page.getByRole('button', { name: 'Sign in' })
    await signInButton.waitFor()
    assert.equal(new URL(page.url()).origin, origin)
    const kept = await page.evaluate(() => JSON.stringify([sessionStorage, localStorage, document.cookie]))
    assert.doesNotMatch(kept, /eyJ|ada@/)
    await signInButton.click()
    await page.locator('button[name=person][value=ada]').waitFor()
  })

  visit(
    'of an origin that is not listed gets no answer',
    async (page) => {
      const failure = page.waitForEvent('requestfailed')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await pressAtEntra(page, 'person', 'ada')
      assert.equal((await failure).url(), profileUrl)
      await isDone(page)
      assert.equal(await status(page), 'That did not work: Failed to fetch')
    },
    {
      home: () => `http://localhost:${unlistedServer.address().port}`,
      complaints: [/blocked by CORS policy: Response to preflight request doesn't pass/, /net::ERR_FAILED/],
    },
  )
})
