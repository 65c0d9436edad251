// Serves the single-page application on this machine: its files, MSAL as its package has it, and the configuration.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const OWN = new URL('single_page/', import.meta.url)
// The package does not export its file for script elements, which is next to the one for Node.
const MSAL = pathToFileURL(createRequire(import.meta.url).resolve('@azure/msal-browser'))

const FILES = {
  '/': { type: 'text/html', file: new URL('index.html', OWN) },
  '/single_page.js': { type: 'text/javascript', file: new URL('single_page.js', OWN) },
  '/msal-browser.min.js': { type: 'text/javascript', file: new URL('msal-browser.min.js', MSAL) },
}

// Listens on `port` of localhost; 0 means any free port.
export async function serveSinglePage(port, configuration) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    if (pathname === '/configuration.json') {
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(configuration))
    } else if (Object.hasOwn(FILES, pathname)) {
      const { type, file } = FILES[pathname]
      response.setHeader('Content-Type', type).end(await readFile(file))
    } else {
      response.writeHead(404).end()
    }
  })
  await once(server.listen(port, 'localhost'), 'listening')
  return server
}
