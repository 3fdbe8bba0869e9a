// An agent without a model: the official TypeScript SDKs at the sandboxes behind Gatehouse (docs/sandboxes.md), with an API key.
//
//   node sandbox-agent.mjs MCP_URL [--key KEY] [--header x-ms-apikey] [--sdk legacy|modern]
//
// It launches an environment, makes a table with the shell, reads it in Python with sqlite3 and statistics, defines a function in one
// call and uses it in the next, hears output as it comes, reads a file as a resource, and hits a limit. Each is one line.

import { parseArgs } from 'node:util';
import * as modern from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { run, step } from './steps.mjs';

const SDKS = { legacy: { Client, StreamableHTTPClientTransport }, modern };

await run(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      key: { type: 'string' },
      header: { type: 'string', default: 'x-ms-apikey' },
      sdk: { type: 'string', default: 'legacy' },
    },
  });
  const sdk = SDKS[values.sdk];
  if (sdk === undefined || positionals.length !== 1) throw new Error('usage: sandbox-agent.mjs MCP_URL [--key KEY] [--sdk legacy|modern]');
  const headers = values.key === undefined ? {} : { [values.header]: values.key };
  const transport = new sdk.StreamableHTTPClientTransport(new URL(positionals[0]), { requestInit: { headers } });
  const client = new sdk.Client({ name: 'gatehouse-sandbox-agent', version: '1.0.0' });
  await client.connect(transport);

  // Both SDKs take the options last; the older one has the schema of the result before them.
  const callTool = (parameters, options) =>
    values.sdk === 'legacy' ? client.callTool(parameters, undefined, options) : client.callTool(parameters, options);
  const call = async (name, parameters, options) => {
    const result = await callTool({ name, arguments: parameters }, options);
    return { ...result.structuredContent, error: result.isError ? result.content[0].text : undefined };
  };

  const { tools } = await client.listTools();
  step('listed', { tools: tools.map((tool) => tool.name) });
  const { environmentId, error } = await call('launchShell', {});
  if (error !== undefined) throw new Error(error);
  step('launched', { environmentId });

  const shell = (shellCommand, options) => call('runShellCommandInRemoteEnvironment', { environmentId, shellCommand }, options);
  const python = (pythonCode, options) => call('runPythonCodeInRemoteEnvironment', { environmentId, pythonCode }, options);

  const table = 'printf "city,year,rain\\nUlm,2024,700\\nUlm,2025,760\\nBonn,2024,810\\nBonn,2025,790\\n" > rain.csv';
  step('shell', await shell(`${table}; grep 2025 rain.csv | sort -t, -k3 -n | cut -d, -f1 | tr '\\n' ' '`));
  step('words', await call('runShellCommandInRemoteEnvironment', { environmentId, execCommandAndArgs: ['echo', "it's", '$HOME', '*'] }));

  const load = [
    'import csv, sqlite3, statistics',
    'rows = list(csv.DictReader(open("rain.csv")))',
    'db = sqlite3.connect("rain.db")',
    'db.execute("create table rain (city text, year int, rain int)")',
    'db.executemany("insert into rain values (:city, :year, :rain)", rows)',
    'db.commit()',
    'print(db.execute("select city, sum(rain) from rain group by city order by city").fetchall())',
    'print(statistics.mean(int(row["rain"]) for row in rows))',
    'db.close()',
    'del db',
  ];
  step('python', await python(load.join('\n')));
  step('defined', await python('def wetter(city, than):\n    return sum(int(row["rain"]) > than for row in rows if row["city"] == city)'));
  step('used', await python('print(wetter("Bonn", 800), wetter("Ulm", 500))'));
  step('shared', await shell('ls rain.db && wc -l < rain.csv'));

  const heard = [];
  const onprogress = ({ message }) => heard.push(message);
  const told = await python('for number in range(3):\n    print("line", number)', { onprogress });
  step('progress', { heard: heard.join(''), stdout: told.stdout });

  const uri = `sandbox://${environmentId}/rain.csv`;
  const { contents } = await client.readResource({ uri });
  step('resource', { text: contents[0].text });

  step('limited', await python('while True: pass'));
  step('after', await python('print(wetter("Bonn", 800))'));
  step('unknown', await call('runShellCommandInRemoteEnvironment', { environmentId: '00000000-0000-0000-0000-000000000000', shellCommand: 'ls' }));
  await client.close();
});
