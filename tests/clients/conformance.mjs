// The official conformance runner against an MCP server, with a bearer token if the server is behind Gatehouse.
//
//   node conformance.mjs MCP_URL --requirements 2025-11-25|2026-07-28 [--bearer TOKEN] [--scenario NAME]
//
// The token can also come from the environment variable GATEHOUSE_BEARER. Prints one line:
// {"passed","failed","warnings","scenarios":{NAME:{"passed","failed","warnings","problems":[...]}}}.
// Failed checks are a result, not an error: the exit code is 0 whenever the runner ran to its end.

import { parseArgs } from 'node:util';
import { runConformance } from './conformance-results.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { requirements: { type: 'string' }, bearer: { type: 'string' }, scenario: { type: 'string' } },
});
if (positionals.length !== 1 || !options.requirements) {
  throw new Error('usage: node conformance.mjs MCP_URL --requirements VERSION [--bearer TOKEN] [--scenario NAME]');
}
const url = new URL(positionals[0]);
const bearer = options.bearer ?? process.env.GATEHOUSE_BEARER;
const what = options.scenario
  ? ['--spec-version', options.requirements, '--scenario', options.scenario]
  : ['--requirements', options.requirements];

const results = await runConformance(['server', '--url', url.href, ...what], {
  nodeArguments: bearer ? ['--import', new URL('conformance-bearer.mjs', import.meta.url).href] : [],
  env: { ...process.env, ...(bearer && { GATEHOUSE_BEARER: bearer, GATEHOUSE_ORIGIN: url.origin }) },
});
console.log(JSON.stringify(results));
