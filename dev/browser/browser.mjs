// A headless Chromium that is watched while it visits the app.

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

// Nothing of Chromium's own goes out while the tests watch what the pages load.
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

// A person's browser: its cookies are its own. `origins` are those that its pages may load anything from.
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
      // That a page has the status of a failure is told by Chromium too, and is what a failure's page has.
      const isStatus = message.text().startsWith('Failed to load resource: the server responded with a status of')
      if (isStatus && this.refusedPages.has(message.location().url)) return
      if (['error', 'warning'].includes(message.type())) this.faults.push(`${message.type()}: ${message.text()}`)
    })
    context.on('weberror', (error) => this.faults.push(`error: ${error.error()}`))
  }

  async page() {
    return this.context.newPage()
  }

  // Ends the visit. Nothing may have gone wrong in it but the `expected` faults, one for each pattern.
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

// Judges how a page looks to everybody: axe-core in light and dark, on a desktop and on a phone. With a folder in
// SCREENSHOTS it is also kept as an image.
export async function look(page, name) {
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
  // Without `preload` axe fetches no style sheet, which the page's policy would refuse.
  const { violations } = await page.evaluate(() => axe.run(document, { preload: false }))
  const told = violations.map((rule) => `${rule.id}: ${rule.help}: ${rule.nodes.map((node) => node.html).join(' | ')}`)
  assert.deepEqual(told, [], where)
}

async function keep(page, name) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true })
}
