// Makes programs that open `$BROWSER` use our browser without a screen, and counts how often they open it.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SIGN_IN = fileURLToPath(new URL('sign-in.mjs', import.meta.url));
const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Writes the hook to `directory`. Returns the environment variables to start a program with, and functions that
 * tell how often it opened the browser, for which client id the sign-in was that ended well, and what the browser printed.
 */
export async function installBrowserHook(directory, user) {
  await mkdir(directory, { recursive: true });
  const opened = join(directory, 'opened.log');
  const output = join(directory, 'browser.log');
  await writeFile(opened, '');
  await writeFile(output, '');
  const script = `#!/bin/sh
echo opened >> ${quote(opened)}
exec ${quote(process.execPath)} ${quote(SIGN_IN)} "$1" --user ${quote(user)} >> ${quote(output)} 2>&1
`;
  // `xdg-open` is what most programs call; the one in this directory is found before the system's.
  for (const name of ['xdg-open', 'browser']) await writeFile(join(directory, name), script, { mode: 0o755 });
  return {
    environment: {
      BROWSER: join(directory, 'browser'),
      PATH: `${directory}:${process.env.PATH}`,
      // Within a desktop session `xdg-open` would ask the desktop instead of $BROWSER.
      DISPLAY: '',
      WAYLAND_DISPLAY: '',
      XDG_CURRENT_DESKTOP: '',
      DESKTOP_SESSION: '',
    },
    timesOpened: async () => (await readFile(opened, 'utf8')).split('\n').filter(Boolean).length,
    clientId: async () => {
      const landed = (await readFile(output, 'utf8')).split('\n').find((line) => line.startsWith('{'));
      return landed && JSON.parse(landed).client_id;
    },
    log: () => readFile(output, 'utf8'),
  };
}
