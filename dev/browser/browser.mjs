// A headless Chromium whose requests and errors are recorded while it visits the app.

import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { chromium } from 'playwright-core'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

const SCREENS = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
}

// Chromium sends no requests of its own while the tests record what the pages load.
const ARGUMENTS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function launch(program) {
  return chromium.launch({ executablePath: program, args: ARGUMENTS, chromiumSandbox: process.getuid?.() !== 0 })
}

// A person's browser, with its own cookies. Its pages may only load from `origins`.
export class Visitor {
  static async open(browser, origins) {
    const context = await browser.newContext({ viewport: SCREENS.desktop })
    await context.addInitScript({ path: AXE })
    return new Visitor(context, origins)
  }

  constructor(context, origins) {
    this.context = context
    this.faults = []
    this.refusedPages = new Set()
    context.on('request', (request) => {
      const { origin } = new URL(request.url())
      if (!origins.includes(origin)) this.faults.push(`a request to ${request.url()}`)
    })
    context.on('response', (response) => {
      const isPage = response.request().isNavigationRequest()
      if (isPage && response.status() >= 400) this.refusedPages.add(response.url())
    })
    context.on('console', (message) => {
      // Chromium also reports pages with an error status, which failure pages have.
      const isStatus = message.text().startsWith('Failed to load resource: the server responded with a status of')
      if (isStatus && this.refusedPages.has(message.location().url)) return
      if (['error', 'warning'].includes(message.type())) this.faults.push(`${message.type()}: ${message.text()}`)
    })
    context.on('weberror', (error) => this.faults.push(`error: ${error.error()}`))
  }

  async page() {
    return this.context.newPage()
  }

  // Ends the visit. Only the `expected` faults may have occurred, one for each pattern.
  async leave(expected = []) {
    await this.context.close()
    const unexpected = [...this.faults]
    for (const pattern of expected) {
      const at = unexpected.findIndex((fault) => pattern.test(fault))
      assert.notEqual(at, -1, `${pattern} is not among ${JSON.stringify(this.faults)}`)
      unexpected.splice(at, 1)
    }
    assert.deepEqual(unexpected, [])
  }
}

// Checks a page with axe-core in light and dark mode, on a desktop and on a phone. If SCREENSHOTS names a folder, an
// image is saved there.
export async function checkAppearance(page, name) {
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const where = `${name}, ${screen}, ${colorScheme}`
      await judgeAccessibility(page, where)
      const { scroll, width } = await page.evaluate(() => ({
        scroll: document.documentElement.scrollWidth,
        width: document.documentElement.clientWidth,
      }))
      assert.ok(scroll <= width, `${where}: the page is ${scroll - width} pixels wider than the screen`)
      await keep(page, `${name}-${screen}-${colorScheme}`)
    }
  }
  await page.setViewportSize(SCREENS.desktop)
}

async function judgeAccessibility(page, where) {
  // With `preload` off, axe does not fetch style sheets, which the page's policy would refuse.
  const { violations } = await page.evaluate(() => axe.run(document, { preload: false }))
  const reported = violations.map((rule) => `${rule.id}: ${rule.help}: ${rule.nodes.map((node) => node.html).join(' | ')}`)
  assert.deepEqual(reported, [], where)
}

async function keep(page, name) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true })
}
