// A site on better-auth: its API, and the two pages that better-auth leaves to those who use it. They are forms, so that
// a person needs no script.

import { createServer } from 'node:http';
import { URLSearchParams } from 'node:url';

const PAGE = { 'content-type': 'text/html; charset=utf-8' };
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

/** The user of all tests; better-auth signs people in by their e-mail address. */
export const USER = { name: 'Alice Example', email: 'alice@example.com', password: 'correct horse & battery' };

/** Serves `auth` at `port`, with the pages `/sign-in` and `/consent`. `consentBody` is what its consent endpoint wants. */
export function serve(auth, port, basePath, consentBody) {
  const origin = `http://127.0.0.1:${port}`;
  /** One of its endpoints, as a script of the page would call it. */
  const call = (request, path, json) =>
    auth.handler(
      new Request(`${origin}${basePath}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin, cookie: request.headers.cookie ?? '' },
        body: JSON.stringify(json),
      }),
    );
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, origin);
    let body = '';
    for await (const chunk of request) body += chunk;
    const query = url.search.slice(1);
    const form = new URLSearchParams(body);
    const submit = (action, fields) =>
      response.writeHead(200, PAGE).end(`<form method="post" action="${action}?${escaped(query)}">${fields}</form>`);
    if (request.method === 'GET' && url.pathname === '/sign-in') {
      return submit('/sign-in', '<input name="login"><input type="password" name="password"><button>Sign in</button>');
    }
    if (request.method === 'GET' && url.pathname === '/consent') {
      return submit('/consent', '<button name="accept" value="yes">Allow</button>');
    }
    if (url.pathname === '/sign-in') {
      const credentials = { email: `${form.get('login')}@example.com`, password: form.get('password') };
      const answer = await call(request, '/sign-in/email', credentials);
      if (answer.status >= 400) return response.writeHead(answer.status).end(await answer.text());
      // The browser has a session now: the authorization request is made anew.
      const again = `${basePath}/oauth2/authorize?${query}`;
      return response.writeHead(302, { location: again, 'set-cookie': answer.headers.getSetCookie() }).end();
    }
    if (url.pathname === '/consent') {
      const answer = await call(request, '/oauth2/consent', consentBody(query));
      const said = await answer.json();
      const location = said.redirectURI ?? said.redirect_uri ?? said.url;
      if (!location) return response.writeHead(answer.status).end(JSON.stringify(said));
      return response.writeHead(302, { location, 'set-cookie': answer.headers.getSetCookie() }).end();
    }
    const answer = await auth.handler(
      new Request(url, {
        method: request.method,
        headers: request.headers,
        ...(request.method === 'POST' && { body }),
      }),
    );
    response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), 'set-cookie': answer.headers.getSetCookie() });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}
