// Signs people in to the app in a real browser and checks every page that they see.
//
// APPLICATION contains, as JSON, the addresses of the app and of the emulated Entra, and all its people. CHROMIUM is
// the browser's program.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { checkAppearance, launch, Visitor } from './browser.mjs'

const { appUrl, unreachableApiAppUrl, unregisteredAppUrl, authorityUrl, people } = JSON.parse(process.env.APPLICATION)
const ORIGINS = [appUrl, unreachableApiAppUrl, unregisteredAppUrl, authorityUrl]

// What each person sees after signing in: a profile, or the heading and the code of a failure page.
const PROFILE = (name, job = 'Analyst') => ({ name, job })
const FAILURE = (heading, apiCode) => ({ heading, apiCode })
const EXPECTED = {
  ada: PROFILE('Ada Marsh'),
  mona: { ...PROFILE('Mona Farouk'), secondFactor: true },
  connie: FAILURE('The API needs your consent', 'consent_required'),
  adrian: FAILURE('The API needs your consent', 'consent_required'),
  blake: FAILURE('You do not have access to this API', 'access_denied'),
  rhea: FAILURE('You need to sign in again', 'token_refused'),
  dora: FAILURE('You do not have access to this API', 'access_denied'),
  una: FAILURE('You do not have access to this API', 'access_denied'),
  lou: FAILURE('Temporarily unavailable', 'entra_throttled'),
  tess: FAILURE('Temporarily unavailable', 'entra_throttled'),
  gil: FAILURE('Temporarily unavailable', 'graph_throttled'),
  gus: FAILURE('Temporarily unavailable', 'graph_throttled'),
  uma: FAILURE('Temporarily unavailable', 'graph_unavailable'),
  fay: FAILURE('Microsoft Graph refused', 'graph_forbidden'),
  noel: FAILURE('Microsoft Graph refused', 'graph_not_found'),
  rex: { ...PROFILE('Rex Calloway'), signsInAgain: true },
  cleo: PROFILE('Cleo Barros'),
  iris: { ...PROFILE('Iris Novak'), secondFactor: true },
  pia: PROFILE('Pia Keller'),
  zoe: PROFILE('Zoë Łukasiewicz-山田', 'No job title'),
  kit: PROFILE('Kit Ames'),
}

// Checking all four appearances for everyone would take minutes and show the same pages again.
const LOOKED_AT = ['ada', 'mona', 'zoe', 'connie', 'gil', 'blake', 'rhea', 'noel']

// People for whom Entra throttles the whole tenant, so that the API makes no exchange in the next seconds.
const THROTTLED = 'tess'

let browser

before(async () => {
  browser = await launch(process.env.CHROMIUM)
})
after(() => browser.close())

// Runs `visit` with a new browser and checks that nothing went wrong in it.
function visit(name, steps) {
  test(name, { timeout: 120_000 }, async () => {
    const visitor = await Visitor.open(browser, ORIGINS)
    await steps(await visitor.page(), visitor)
    await visitor.leave()
  })
}

async function signIn(page, person, url = appUrl) {
  await page.goto(url)
  await page.getByRole('link', { name: 'Sign in with Microsoft' }).click()
  await page.waitForURL(`${authorityUrl}/**`)
  await page.locator(`button[name=person][value=${person}]`).click()
}

const heading = (page) => page.getByRole('heading', { level: 1 }).textContent()

async function showsProfile(page, { name, job }) {
  await page.waitForURL(`${appUrl}/`)
  assert.equal(await heading(page), name)
  assert.equal(await page.locator('.job').textContent(), job)
  assert.equal(await page.title(), `${name} – Profile`)
  const photo = page.locator('img.photo')
  await photo.evaluate((image) => image.decode())
  assert.ok(await photo.evaluate((image) => image.naturalWidth > 0))
  const profile = JSON.parse(await page.locator('pre').textContent())
  assert.equal(profile.displayName, name)
  await page.getByRole('heading', { name: 'What happened, step by step' }).waitFor()
  assert.equal(await page.locator('.timing').count(), 4)
  assert.match(await page.locator('.claims').first().textContent(), /scp.*user_impersonation/s)
}

// Signs in as `person` and checks what they see.
function visitAs(person) {
  visit(person, async (page) => {
    const expected = EXPECTED[person]
    assert.ok(expected, `there is no expectation for ${person}`)
    await signIn(page, person)
    if (expected.secondFactor) {
      assert.equal(new URL(page.url()).origin, authorityUrl)
      await page.locator('button[name=second_factor]').click()
    }
    if (expected.signsInAgain) {
      await page.waitForURL(`${authorityUrl}/**`)
      await page.locator(`button[name=person][value=${person}]`).click()
    }
    if (expected.name) {
      await showsProfile(page, expected)
      const shown = await page.getByText('The API asked for a stronger sign-in').count()
      assert.equal(shown, expected.secondFactor || expected.signsInAgain ? 1 : 0)
    } else {
      await page.waitForURL(`${appUrl}/`)
      assert.equal(await heading(page), expected.heading)
      assert.match(await page.locator('.facts').textContent(), new RegExp(`The API’s code${expected.apiCode}`))
    }
    if (LOOKED_AT.includes(person)) {
      if (person === 'mona') await page.getByText(/^All other claims/).click()
      await checkAppearance(page, person)
    }
  })
}

describe('people', { concurrency: 2 }, () => {
  people.filter((person) => person !== THROTTLED).forEach(visitAs)

  visit('of another directory are not offered', async (page) => {
    await page.goto(`${appUrl}/sign-in`)
    assert.equal(await page.locator('button[name=person][value=ada]').count(), 1)
    assert.equal(await page.locator('button[name=person][value=otto]').count(), 0)
  })
})

describe('consent', () => {
  visit('granted at Entra lets the next sign-in through', async (page, visitor) => {
    await signIn(page, 'connie')
    await page.waitForURL(`${appUrl}/`)
    const opened = visitor.context.waitForEvent('page')
    await page.getByRole('link', { name: /^Consent at Entra/ }).click()
    const consent = await opened
    await consent.locator('button[name=consent][value=accepted]').click()
    await consent.getByRole('heading', { name: 'Consent granted' }).waitFor()
    await page.getByRole('link', { name: 'Sign in again' }).click()
    await page.getByRole('heading', { name: 'Connie Nilsen' }).waitFor()
    await showsProfile(page, PROFILE('Connie Nilsen'))
  })
})

describe('the sign-in', () => {
  visit('begins at a page that says what will happen', async (page) => {
    await page.goto(appUrl)
    assert.equal(await heading(page), 'See your profile and how it gets here')
    await checkAppearance(page, 'welcome')
  })

  visit('leaves nothing to scripts and nothing in the address', async (page, visitor) => {
    await signIn(page, 'ada')
    await showsProfile(page, EXPECTED.ada)
    assert.equal(page.url(), `${appUrl}/`)
    assert.equal(await page.evaluate(() => document.cookie), '')
    assert.doesNotMatch(await page.content(), /eyJ[\w-]+\.eyJ/)
    assert.equal(await page.evaluate(() => document.scripts.length), 0)
    const cookies = (await visitor.context.cookies(appUrl)).filter((cookie) => cookie.name.startsWith('profile-'))
    assert.deepEqual(cookies.map(({ name }) => name), ['profile-session'])
    assert.ok(cookies.every(({ httpOnly, sameSite, expires }) => httpOnly && sameSite === 'Lax' && expires === -1))
  })

  visit('can be cancelled', async (page) => {
    await page.goto(`${appUrl}/sign-in`)
    await page.locator('button[name=cancel]').click()
    await page.waitForURL(`${appUrl}/signin-callback**`)
    assert.equal(await heading(page), 'Sign-in cancelled')
    await checkAppearance(page, 'cancelled')
  })

  visit('can be cancelled by a person who stays signed in', async (page) => {
    await signIn(page, 'mona')
    await page.locator('button[name=second_factor]').click()
    await page.waitForURL(`${appUrl}/`)
    await page.goto(`${appUrl}/sign-in?prompt=select_account`)
    await page.locator('button[name=cancel]').click()
    await page.waitForURL(`${appUrl}/signin-callback**`)
    assert.equal(await heading(page), 'Sign-in cancelled')
    assert.match(await page.locator('header').textContent(), /Signed in as Mona Farouk/)
    assert.equal(await page.getByText('Request id').count(), 1)
    await checkAppearance(page, 'cancelled-signed-in')
    await page.getByRole('link', { name: 'Go to your profile' }).click()
    await page.waitForURL(`${appUrl}/`)
    assert.equal(await heading(page), 'Mona Farouk')
  })

  visit('is finished in each of two tabs', async (page, visitor) => {
    const other = await visitor.page()
    await page.goto(`${appUrl}/sign-in`)
    await other.goto(`${appUrl}/sign-in`)
    for (const tab of [page, other]) {
      await tab.locator('button[name=person][value=ada]').click()
      await tab.waitForURL(`${appUrl}/`)
      assert.equal(await heading(tab), 'Ada Marsh')
    }
    const cookies = await visitor.context.cookies(appUrl)
    assert.deepEqual(cookies.filter(({ name }) => name.startsWith('profile-sign-in')), [])
  })

  visit('is finished by the browser that began it', async (page) => {
    await page.goto(`${appUrl}/signin-callback?code=stolen&state=unknown`)
    assert.equal(await heading(page), 'This sign-in cannot be completed')
    await checkAppearance(page, 'no-pending-sign-in')
  })

  visit('is refused at Entra when the redirect URI is not registered', async (page) => {
    await page.goto(`${unregisteredAppUrl}/sign-in`)
    assert.equal(new URL(page.url()).origin, authorityUrl)
    assert.match(await page.locator('body').textContent(), /AADSTS50011/)
  })
})

describe('the app', () => {
  visit('says so when the API is down', async (page) => {
    await signIn(page, 'ada', unreachableApiAppUrl)
    await page.waitForURL(`${unreachableApiAppUrl}/`)
    assert.equal(await heading(page), 'The API does not respond')
    await checkAppearance(page, 'api-down')
  })

  visit('says so when there is nothing', async (page) => {
    await page.goto(`${appUrl}/nowhere`)
    assert.equal(await heading(page), 'Page not found')
    await checkAppearance(page, 'not-found')
  })

  visit('signs people out here and at Entra', async (page) => {
    await signIn(page, 'ada')
    await showsProfile(page, EXPECTED.ada)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(`${appUrl}/signed-out`)
    assert.equal(await heading(page), 'You are signed out')
    await checkAppearance(page, 'signed-out')
    await page.reload()
    assert.equal(await heading(page), 'You are not signed in')
    await page.goto(appUrl)
    await page.getByRole('link', { name: 'Sign in with Microsoft' }).click()
    await page.locator('button[name=person][value=ada]').waitFor()
  })

  visit('cannot be signed out of by another site', async (page) => {
    await signIn(page, 'ada')
    await page.waitForURL(`${appUrl}/`)
    await page.goto('about:blank')
    await page.evaluate((action) => {
      const form = document.createElement('form')
      form.method = 'post'
      form.action = action
      document.body.append(form)
      form.submit()
    }, `${appUrl}/sign-out`)
    await page.waitForURL(`${appUrl}/sign-out`)
    assert.equal(await heading(page), 'You are still signed in')
    await page.goto(appUrl)
    assert.equal(await heading(page), 'Ada Marsh')
  })

  visit('is used by keyboard alone', async (page) => {
    const focused = () => page.evaluate(() => document.activeElement.textContent.trim())
    await page.goto(appUrl)
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'Skip to content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'Sign in with Microsoft')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${authorityUrl}/**`)
    await page.locator('button[name=person][value=ada]').focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(`${appUrl}/`)
    await page.getByRole('button', { name: 'Sign out' }).focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(`${appUrl}/signed-out`)
  })
})

// Last, since it affects all later requests.
describe('the throttled tenant', () => visitAs(THROTTLED))
