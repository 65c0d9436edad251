// An API that the component `entra` guards: no request gets here before its caller is known.

const SIDECAR = 'http://entra.spin.internal';

addEventListener('fetch', (event) => event.respondWith(handle(event.request)));

async function handle(request) {
  const caller = request.headers.get('x-ms-client-principal-name');
  switch (new URL(request.url).pathname) {
    case '/':
      return new Response(`Hello, ${caller}!\n`);
    case '/profile':
      return ask('/DownstreamApi/graph?optionsOverride.RelativePath=me', request);
    case '/mail':
      return ask('/DownstreamApi/mail?optionsOverride.RelativePath=me/messages', request);
    default:
      return new Response('There is nothing here.\n', { status: 404 });
  }
}

// Asks the sidecar in the name of whoever asks us.
async function ask(path, request) {
  const headers = { authorization: request.headers.get('authorization') };
  const response = await fetch(SIDECAR + path, { headers });
  // A refusal says all that our own caller needs: status, code, WWW-Authenticate, Retry-After.
  if (!response.ok) return new Response(await response.text(), { status: response.status, headers: response.headers });
  const { statusCode, content } = await response.json();
  return new Response(content, { status: statusCode, headers: { 'content-type': 'application/json' } });
}
