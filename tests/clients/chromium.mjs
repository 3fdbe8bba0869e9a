// A real Chromium without a screen, driven by lines of JSON on stdin; each is answered by one line.
//
//   node chromium.mjs --profile EMPTY_FOLDER [--browser /usr/bin/chromium] [--names-here]
//
// With --names-here, every name that ends in .example is this machine, and every certificate is good.
//
//   {"open":URL}                                     loads the page
//   {"look":{"width","height","phone","dark"}}       shows the page in a window of that size, and in the dark
//   {"language":HEADER}                              sends this Accept-Language from now on
//   {"click":SELECTOR}                               clicks there, and waits for the page it leads to
//   {"fill":SELECTOR,"text":TEXT}                    puts the text in the place of what stands in the field
//   {"press":"Tab"|"Shift+Tab"|"Space"|"Enter"}      presses the key; prints what then has the focus, or null
//   {"press":KEY,"leads":true}                       presses the key, and waits for the page it leads to
//   {"walk":KEY}                                     presses the key from the page's start to its end; prints all
//                                                    that had the focus
//   {"operable":true}                                prints what is read out of all that can have the focus
//   {"person":NAME}                                  is NAME from now on, for the scripted identity providers
//   {"box":SELECTOR}                                 prints where the window shows it: {"top","bottom","isCovered"}
//   {"fetch":{"url","method","headers","body"}}     has a script of the page fetch that; prints {"status","headers","body"} of
//                                                    what it may read, or {"failed":TEXT}
//   {"axe":true}                                     prints what axe-core finds that is serious or critical
//   {"screenshot":FILE}                              writes the whole page as PNG
//   {"screenshot":FILE,"ofWindow":true}              writes what the window shows of it
//
// What leads to a page, and "look", print {"url","title","lang","html","headings","width","overflow","contrast",
// "requested","failed"}: the number of first-level headings; the window's width in CSS pixels, how many pixels the page
// is wider than that, and the worst contrast of a text to what is behind it (WCAG 2.2, 1.4.3); every address that the
// browser asked on its way; and why it got no page from the last of them, where it got none and stayed where it was.
//
// What has the focus is {"tag","name","value","text","checked","left","top","width","height","inView","outline",
// "contrast"}: its place in the page and the outline's width in CSS pixels, whether the window shows it with
// its outline, and the outline's contrast (WCAG 2.2, 1.4.11). What can have it is {"role","name"}.
//
// Pages may run no scripts of their own. Those that look at a page come from outside, by the DevTools protocol, which the page's
// policy does not hold back.

import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    browser: { type: 'string', default: '/usr/bin/chromium' },
    profile: { type: 'string' },
    'names-here': { type: 'boolean', default: false },
  },
});
if (!options.profile) throw new Error('--profile is missing');

const browser = spawn(
  options.browser,
  [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    `--user-data-dir=${options.profile}`,
    ...(options['names-here'] ? ['--host-resolver-rules=MAP *.example 127.0.0.1', '--ignore-certificate-errors'] : []),
    // A browser whose pipe is closed ends: it cannot outlive this program, however that ends.
    '--remote-debugging-pipe',
    'about:blank',
  ],
  { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
);
browser.on('error', ({ message }) => fail(message));
browser.on('exit', () => fail('Chromium ended early'));

const devTools = connect(browser.stdio[3], browser.stdio[4]);
const { targetId } = await devTools.send('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await devTools.send('Target.attachToTarget', { targetId, flatten: true });
const page = (method, parameters) => devTools.send(method, parameters, sessionId);
let requested = [];
let headers = {};
let shown = {};
let arrived = () => undefined;
devTools.on('Network.requestWillBeSent', ({ type, request }) => type === 'Document' && requested.push(request.url));
devTools.on('Network.loadingFailed', ({ type, errorText }) => type === 'Document' && arrived(errorText));
devTools.on('Page.loadEventFired', () => arrived(null));
await page('Page.enable');
await page('Network.enable');
await page('Emulation.setScriptExecutionDisabled', { value: true });

const TAB = { key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 };
const KEYS = {
  Tab: TAB,
  'Shift+Tab': { ...TAB, modifiers: 8 },
  Space: { key: ' ', code: 'Space', windowsVirtualKeyCode: 32, text: ' ' },
  Enter: { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' },
};

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await perform(JSON.parse(line))));
}
process.exit(0);

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

async function perform(command) {
  if (command.open !== undefined) return open(command.open);
  if (command.look !== undefined) return look(command.look);
  if (command.click !== undefined) return click(command.click);
  if (command.fill !== undefined) return fill(command.fill, command.text);
  if (command.leads) return navigated(() => press(command.press));
  if (command.press !== undefined) return focusAfter(command.press);
  if (command.walk !== undefined) return walk(command.walk);
  if (command.operable !== undefined) return operable();
  if (command.person !== undefined) return sendAlways({ 'x-person': command.person });
  if (command.language !== undefined) return sendAlways({ 'accept-language': command.language });
  if (command.box !== undefined) return inPage(`box(${JSON.stringify(command.box)})`);
  if (command.fetch) return fetchInPage(command.fetch);
  if (command.axe) return axe();
  return screenshot(command.screenshot, command.ofWindow ?? false);
}

function open(url) {
  return navigated(async () => {
    const { errorText } = await page('Page.navigate', { url });
    if (errorText) throw new Error(`${new URL(url).pathname}: ${errorText}`);
  });
}

async function look({ width, height, phone, dark }) {
  shown = { width, height, deviceScaleFactor: phone ? 2 : 1, mobile: phone };
  await page('Emulation.setDeviceMetricsOverride', shown);
  const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
  await page('Emulation.setEmulatedMedia', { features });
  return report(null);
}

async function sendAlways(more) {
  headers = { ...headers, ...more };
  await page('Network.setExtraHTTPHeaders', { headers });
  return {};
}

/** As a page's own script would: the browser asks beforehand, and lets the page see what the answer allows. */
async function fetchInPage({ url, ...options }) {
  const expression = `fetch(${JSON.stringify(url)}, ${JSON.stringify(options)})
    .then(async (answer) => ({ status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }))
    .catch((error) => ({ failed: String(error) }))`;
  await page('Emulation.setScriptExecutionDisabled', { value: false });
  const { result } = await page('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  await page('Emulation.setScriptExecutionDisabled', { value: true });
  return result.value;
}

/** axe-core waits by timers, which a page without scripts does not have. */
async function axe() {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page('Emulation.setScriptExecutionDisabled', { value: false });
  if (await evaluate('typeof axe === "undefined"')) await evaluate(`${source}; undefined`);
  const expression = `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)`;
  const { result, exceptionDetails } = await page('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  await page('Emulation.setScriptExecutionDisabled', { value: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  const grave = result.value.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** Of the whole page, in a window as high as it is: what stays at the window's edge is then where it belongs. */
async function screenshot(file, isOfWindow) {
  if (!isOfWindow) {
    const { cssContentSize } = await page('Page.getLayoutMetrics');
    const height = Math.max(shown.height, Math.ceil(cssContentSize.height));
    await page('Emulation.setDeviceMetricsOverride', { ...shown, height });
  }
  const { data } = await page('Page.captureScreenshot', { format: 'png', optimizeForSpeed: true });
  if (!isOfWindow) await page('Emulation.setDeviceMetricsOverride', shown);
  await writeFile(file, Buffer.from(data, 'base64'));
  return {};
}

async function press(name) {
  const key = KEYS[name];
  await page('Input.dispatchKeyEvent', { type: key.text ? 'keyDown' : 'rawKeyDown', ...key });
  await page('Input.dispatchKeyEvent', { type: 'keyUp', ...key, text: undefined });
}

async function focusAfter(key) {
  await press(key);
  return inPage('focused()');
}

/** A busy browser gives the page its focus a while after the key. Who pressed again meanwhile would pass over a place. */
async function focusSoon() {
  const end = performance.now() + 1000;
  let focus = await inPage('focused()');
  while (focus === null && performance.now() < end) {
    await setTimeout(20);
    focus = await inPage('focused()');
  }
  return focus;
}

/** Ends where the focus leaves the page, or comes to the first again: there is no toolbar here that could have it. */
async function walk(key) {
  await clickAt(0, 0); // beside everything: where one comes from is forgotten
  const all = [];
  let focus = null;
  // The way in leads past the browser's own places, of which a busy browser has sometimes one more than at other times.
  for (let presses = 0; focus === null && presses < 4; presses += 1) {
    await press(key);
    focus = await focusSoon();
  }
  while (focus !== null && !isSame(focus, all[0])) {
    all.push(focus);
    if (all.length > 200) throw new Error('the focus does not leave the page');
    focus = await focusAfter(key);
  }
  return all;
}

function isSame(focus, other) {
  return focus.left === other?.left && focus.top === other.top;
}

async function operable() {
  const { nodes } = await page('Accessibility.getFullAXTree');
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const inOrder = (node) => [node, ...(node.childIds ?? []).flatMap((id) => inOrder(byId.get(id)))];
  const canHaveFocus = ({ role, properties = [] }) =>
    role?.value !== 'RootWebArea' && properties.some(({ name, value }) => name === 'focusable' && value.value);
  const all = inOrder(nodes[0]).filter(canHaveFocus);
  return all.map(({ role, name }) => ({ role: role.value, name: name?.value ?? '' }));
}

/** As a person does it: with the mouse, in the middle of what is seen. */
async function click(selector) {
  const middle = `(() => { const element = document.querySelector(${JSON.stringify(selector)});
    element.scrollIntoView({ block: 'center', behavior: 'instant' });
    const box = element.getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 }; })()`;
  const { x, y } = await evaluate(middle);
  return navigated(() => clickAt(x, y));
}

/** As a person does it who selects all, and types. */
async function fill(selector, text) {
  await evaluate(`(() => { const field = document.querySelector(${JSON.stringify(selector)}); field.focus(); field.select(); })()`);
  await page('Input.insertText', { text });
  return {};
}

async function clickAt(x, y) {
  const mouse = (type) => page('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
  await mouse('mousePressed');
  await mouse('mouseReleased');
}

async function navigated(action) {
  requested = [];
  const arrival = new Promise((resolve) => (arrived = resolve));
  await action();
  return report(await arrival);
}

async function report(failed) {
  const seen = await inPage(`({
    url: location.href, title: document.title, lang: document.documentElement.lang,
    html: document.documentElement.outerHTML, headings: document.querySelectorAll('h1').length, width: innerWidth,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth, contrast: contrast(),
  })`);
  return { ...seen, requested, failed };
}

/** Evaluates an expression that may use the functions below. */
function inPage(expression) {
  return evaluate(`(() => { ${[behind, ratio, contrast, focused, box].join('\n')} return ${expression}; })()`);
}

async function evaluate(expression) {
  const { result, exceptionDetails } = await page('Runtime.evaluate', { expression, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

// What runs in the page.

/** The colour that is seen behind an element's content. */
function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (colour !== 'transparent' && colour.match(/[\d.]+/g).map(Number)[3] !== 0) return colour;
  }
  return 'rgb(255, 255, 255)';
}

/** The contrast of two colours (WCAG 2.2, “contrast ratio”). */
function ratio(...colours) {
  const luminance = (colour) => {
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = colour.match(/[\d.]+/g).map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [light, dark] = colours.map(luminance).sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/** The worst contrast of a text. */
function contrast() {
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
  const texts = [...document.body.querySelectorAll('*')].filter(hasText);
  return Math.min(21, ...texts.map((element) => ratio(getComputedStyle(element).color, behind(element))));
}

/** What has the focus; null where the browser itself has it, or nothing. */
function focused() {
  const element = document.activeElement;
  if (element === null || element === document.body || !document.hasFocus()) return null;
  const [box, style] = [element.getBoundingClientRect(), getComputedStyle(element)];
  const outline = style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth);
  // Browsers scroll by whole pixels.
  const margin = outline + parseFloat(style.outlineOffset) - 1;
  return {
    tag: element.localName,
    name: element.name ?? '',
    value: element.value ?? '',
    text: (element.labels?.[0] ?? element).textContent.trim(),
    checked: element.checked ?? false,
    left: box.left + scrollX,
    top: box.top + scrollY,
    width: box.width,
    height: box.height,
    inView:
      Math.min(box.top, box.left) >= margin &&
      Math.max(box.bottom - innerHeight, box.right - innerWidth) <= -margin,
    outline,
    // It lies outside of the element.
    contrast: ratio(style.outlineColor, behind(element.parentElement)),
  };
}

/** Where an element is in the window, and whether something else lies over its middle. */
function box(selector) {
  const element = document.querySelector(selector);
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return { top, bottom, isCovered: !element.contains(seen) };
}

/** The DevTools protocol: commands with answers, and events; messages end with a NUL. */
function connect(output, input) {
  const [answers, listeners] = [new Map(), new Map()];
  let [last, unread] = [0, ''];
  output.on('error', () => undefined); // the browser's end is reported by itself
  input.setEncoding('utf8').on('data', (text) => {
    const messages = (unread + text).split('\0');
    unread = messages.pop();
    for (const message of messages) receive(JSON.parse(message));
  });
  const receive = ({ id, method, params, error, result }) => {
    if (id === undefined) {
      listeners.get(method)?.(params);
      return;
    }
    const { resolve, reject } = answers.get(id);
    answers.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result);
  };
  return {
    send: (method, params = {}, sessionId = undefined) =>
      new Promise((resolve, reject) => {
        last += 1;
        answers.set(last, { resolve, reject });
        output.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
      }),
    on: (method, listener) => listeners.set(method, listener),
  };
}
