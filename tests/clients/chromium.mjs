// A real Chromium without a screen, driven by lines of JSON on stdin; each is answered by one line.
//
//   node chromium.mjs --profile EMPTY_FOLDER [--browser /usr/bin/chromium]
//
//   {"open":URL,"width":390,"height":844,"phone":true,"dark":true}   loads the page in a window of that size
//   {"click":SELECTOR}                                              clicks there, and waits for the page it leads to
//   {"screenshot":FILE}                                             writes the whole page as PNG
//
// The first two print {"url","title","html","width","overflow","contrast"}: the window's width in CSS pixels, how many
// pixels the page is wider than that, and the worst contrast of a text to what is behind it (WCAG 2.2, 1.4.3).
// Pages may run no scripts of their own.

import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { browser: { type: 'string', default: '/usr/bin/chromium' }, profile: { type: 'string' } },
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
await page('Page.enable');
await page('Emulation.setScriptExecutionDisabled', { value: true });

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await perform(JSON.parse(line))));
}
process.exit(0);

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

async function perform(command) {
  if (command.open !== undefined) return open(command);
  if (command.click !== undefined) return click(command.click);
  const { data } = await page('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
  await writeFile(command.screenshot, Buffer.from(data, 'base64'));
  return {};
}

async function open({ open: url, width, height, phone = false, dark = false }) {
  const deviceScaleFactor = phone ? 2 : 1;
  await page('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor, mobile: phone });
  const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
  await page('Emulation.setEmulatedMedia', { features });
  return navigated(async () => {
    const { errorText } = await page('Page.navigate', { url });
    if (errorText) throw new Error(`${new URL(url).pathname}: ${errorText}`);
  });
}

/** As a person does it: with the mouse, in the middle of what is seen. */
async function click(selector) {
  const middle = `(() => { const element = document.querySelector(${JSON.stringify(selector)});
    element.scrollIntoView({ block: 'center', behavior: 'instant' });
    const box = element.getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 }; })()`;
  const { x, y } = await evaluate(middle);
  const mouse = (type) => page('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
  return navigated(async () => {
    await mouse('mousePressed');
    await mouse('mouseReleased');
  });
}

async function navigated(action) {
  const loaded = devTools.next('Page.loadEventFired');
  await action();
  await loaded;
  return evaluate(`({
    url: location.href, title: document.title, html: document.documentElement.outerHTML, width: innerWidth,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth, contrast: (${contrast})(),
  })`);
}

async function evaluate(expression) {
  const { result, exceptionDetails } = await page('Runtime.evaluate', { expression, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

/** Runs in the page. */
function contrast() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const isSeen = (colour) => colour !== 'transparent' && channels(colour)[3] !== 0;
  const luminance = (colour) => {
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = channels(colour).map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (isSeen(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
  const ratios = [...document.body.querySelectorAll('*')].filter(hasText).map((element) => {
    const [light, dark] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  });
  return Math.min(21, ...ratios);
}

/** The DevTools protocol: commands with answers, and events; messages end with a NUL. */
function connect(output, input) {
  const [answers, waiting] = [new Map(), new Map()];
  let [last, unread] = [0, ''];
  output.on('error', () => undefined); // the browser's end is reported by itself
  input.setEncoding('utf8').on('data', (text) => {
    const messages = (unread + text).split('\0');
    unread = messages.pop();
    for (const message of messages) receive(JSON.parse(message));
  });
  const receive = ({ id, method, error, result }) => {
    if (id === undefined) {
      waiting.get(method)?.();
      waiting.delete(method);
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
    next: (method) => new Promise((resolve) => waiting.set(method, resolve)),
  };
}
