// A browser without a screen, for sign-ins: it follows redirects, keeps cookies and sends `Origin`, `Referer` and
// `Sec-Fetch-*` as a browser would, and fills in the forms it knows.

import { parse } from 'node-html-parser';
import { CookieJar } from 'tough-cookie';
import { request as send } from 'undici';

const MAX_STEPS = 30;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** One browser profile: its cookies outlive a sign-in, as they do for a person who signs in a second time. */
export class Browser {
  #cookies = new CookieJar(undefined, { prefixSecurity: 'strict' });

  /**
   * Opens an authorization URL and goes on until the client's redirect URI was loaded.
   * `user` is the login name typed at the identity provider; `decision` is the consent button that gets clicked.
   * Returns the callback's parameters and the names of the pages that asked for something.
   */
  async signIn(authorizationUrl, { user = 'alice', decision = 'approve' } = {}) {
    const start = new URL(authorizationUrl);
    const redirectUri = start.searchParams.get('redirect_uri');
    if (redirectUri === null) throw new Error('the authorization URL has no redirect_uri');
    const pages = [];
    let navigation = { url: start, method: 'GET', visited: [] };
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const response = await this.#load(navigation);
      if (isSameEndpoint(navigation.url, redirectUri)) {
        await response.body.dump();
        return { redirectUri, parameters: navigation.url.searchParams, status: response.statusCode, pages };
      }
      if (REDIRECTS.has(response.statusCode)) {
        await response.body.dump();
        navigation = redirected(navigation, response);
        continue;
      }
      const page = await readPage(navigation, response);
      const form = findForm(page, { user, decision });
      pages.push(form.name);
      navigation = submission(page, form);
    }
    throw new Error(`no callback after ${MAX_STEPS} steps; pages: ${pages.join(', ')}`);
  }

  /**
   * Opens the page of linked accounts at `url`, signs `user` in, and links the first account that is not linked: until the page
   * has a button that removes it. Returns the names of the pages that asked for something.
   */
  async link(url, { user = 'alice' } = {}) {
    const { origin } = new URL(url);
    const pages = [];
    let navigation = { url: new URL(url), method: 'GET', visited: [] };
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const response = await this.#load(navigation);
      if (REDIRECTS.has(response.statusCode)) {
        await response.body.dump();
        navigation = redirected(navigation, response);
        continue;
      }
      const page = await readPage(navigation, response);
      const isOwn = page.url.origin === origin;
      if (isOwn && page.document.querySelector('button[name=remove]')) return pages;
      const form = (isOwn && findButton(page, ['provider', 'link'])) || findForm(page, { user });
      pages.push(form.name);
      navigation = submission(page, form);
    }
    throw new Error(`no link after ${MAX_STEPS} steps; pages: ${pages.join(', ')}`);
  }

  async #load({ url, method, body, page, visited }) {
    const site = fetchSite(page, [...visited, url]);
    const sameSiteContext = site === 'cross-site' ? (method === 'GET' ? 'lax' : 'none') : 'strict';
    const cookie = await this.#cookies.getCookieString(url.href, { sameSiteContext });
    const headers = {
      accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
      'accept-language': 'en',
      'sec-fetch-dest': 'document',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': site,
      'sec-fetch-user': '?1',
      'upgrade-insecure-requests': '1',
      'user-agent': 'Mozilla/5.0 (gatehouse-tests)',
      ...(cookie && { cookie }),
      ...(page && refererOf(page, url)),
      ...(method === 'POST' && {
        'content-type': 'application/x-www-form-urlencoded',
        origin: originOf(page, [...visited, url]),
      }),
    };
    const response = await send(url, { method, headers, body });
    for (const line of [response.headers['set-cookie'] ?? []].flat()) {
      await this.#cookies.setCookie(line, url.href, { sameSiteContext, ignoreError: true });
    }
    return response;
  }
}

/** The value of `Sec-Fetch-Site`: how far the URLs of a navigation are from the page that started it. */
function fetchSite(page, urls) {
  if (page === undefined) return 'none';
  if (urls.every((url) => url.origin === page.url.origin)) return 'same-origin';
  const isSameSite = (url) => url.protocol === page.url.protocol && url.hostname === page.url.hostname;
  return urls.every(isSameSite) ? 'same-site' : 'cross-site';
}

function redirected(navigation, { statusCode, headers }) {
  const { url, method, body, page, visited } = navigation;
  if (headers.location === undefined) throw new Error(`${describe(url)} redirects to nowhere`);
  const target = new URL(headers.location, url);
  if (!['http:', 'https:'].includes(target.protocol))
    throw new Error(`${describe(url)} redirects to ${target.protocol}`);
  const keepsMethod = statusCode === 307 || statusCode === 308;
  const kept = keepsMethod ? { method, body } : { method: 'GET' };
  return { url: target, ...kept, page, visited: [...visited, url] };
}

async function readPage({ url }, response) {
  const html = await response.body.text();
  const document = parse(html);
  if (response.statusCode >= 400) {
    for (const hidden of document.querySelectorAll('style, script')) hidden.remove();
    const said = document.text.replace(/\s+/g, ' ').trim().slice(0, 300);
    throw new Error(`${describe(url)} answered ${response.statusCode}: ${said}`);
  }
  return { url, document, referrerPolicy: response.headers['referrer-policy'] ?? 'strict-origin-when-cross-origin' };
}

/** The `Referer` field of a request that `page` causes, if its policy allows one. */
function refererOf({ url: { origin, href }, referrerPolicy }, target) {
  const isSameOrigin = target.origin === origin;
  if (referrerPolicy === 'no-referrer' || (referrerPolicy === 'same-origin' && !isSameOrigin)) return {};
  const isOriginOnly = !isSameOrigin || referrerPolicy === 'origin' || referrerPolicy === 'strict-origin';
  return { referer: isOriginOnly ? `${origin}/` : href.split('#')[0] };
}

/** The `Origin` field of a POST that `page` causes: `null` where its policy or a redirect hides the origin. */
function originOf({ url: { origin }, referrerPolicy }, urls) {
  const isElsewhere = (url) => url.origin !== origin;
  const isHiddenByPolicy =
    referrerPolicy === 'no-referrer' || (referrerPolicy === 'same-origin' && urls.some(isElsewhere));
  const wasRedirectedElsewhere = urls.slice(0, -1).some(isElsewhere);
  return isHiddenByPolicy || wasRedirectedElsewhere ? 'null' : origin;
}

/** The form of the page that a person would fill in: its name, and what they would enter or click. */
function findForm(page, { user, decision }) {
  for (const element of page.document.querySelectorAll('form')) {
    const has = (selector) => element.querySelector(selector) !== null;
    if (has(`button[name=decision][value=${decision}]`))
      return { name: 'consent', element, entries: [['decision', decision]] };
    const login = element.querySelectorAll('input').find(asksForLogin);
    if (login) {
      const password = element.querySelector('input[type=password]');
      const entries = [[login.getAttribute('name'), user]];
      if (password) entries.push([password.getAttribute('name'), 'any password will do']);
      return { name: 'login', element, entries };
    }
    if (has('input[name=prompt][value=consent]')) return { name: 'provider-consent', element, entries: [] };
  }
  const title = page.document.querySelector('title')?.text.trim();
  throw new Error(`${describe(page.url)} shows no form that this browser knows${title ? ` (“${title}”)` : ''}`);
}

/** The first form with a button of one of these names, pressed. */
function findButton({ document }, names) {
  for (const name of names) {
    const button = document.querySelector(`button[name=${name}]`);
    if (button) return { name, element: button.closest('form'), entries: [[name, button.getAttribute('value')]] };
  }
  return undefined;
}

function asksForLogin(input) {
  const isTyped = ['text', 'email'].includes(input.getAttribute('type') ?? 'text');
  const isNamed = ['login', 'username', 'user'].includes(input.getAttribute('name'));
  return isTyped && (isNamed || input.getAttribute('autocomplete') === 'username');
}

function submission(page, { element, entries }) {
  const fields = new URLSearchParams();
  for (const input of element.querySelectorAll('input, textarea, select')) {
    const name = input.getAttribute('name');
    const type = input.getAttribute('type') ?? 'text';
    const isButton = ['submit', 'button', 'image', 'reset'].includes(type);
    const isUnchecked = ['checkbox', 'radio'].includes(type) && !input.hasAttribute('checked');
    if (name !== undefined && !isButton && !isUnchecked) fields.append(name, input.getAttribute('value') ?? '');
  }
  for (const [name, value] of entries) fields.set(name, value);
  const url = new URL(element.getAttribute('action') || page.url.href, page.url);
  const method = (element.getAttribute('method') ?? 'get').toUpperCase();
  if (method === 'POST') return { url, method, body: fields.toString(), page, visited: [] };
  url.search = fields.toString();
  return { url, method: 'GET', page, visited: [] };
}

function isSameEndpoint(url, redirectUri) {
  const expected = new URL(redirectUri);
  return url.origin === expected.origin && url.pathname === expected.pathname;
}

/** A URL without its query, which can hold codes. */
function describe(url) {
  return `${url.origin}${url.pathname}`;
}
