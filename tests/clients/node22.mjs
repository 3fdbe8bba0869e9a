// The Node.js 22 that is installed as an npm package: the Inspector and the conformance runner do not run on Node 20.

import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The path of a Node.js executable of version 22 or newer. */
export async function findNode22() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const executable = join(dirname(manifest), 'bin', 'node');
    await access(executable);
    return executable;
  } catch {
    throw new Error(
      `needs Node.js 22: the npm package ${name} is not installed and this is Node.js ${process.versions.node}`,
    );
  }
}
