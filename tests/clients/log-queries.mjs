// Reads the queries of a page as the program of each language does, and runs those of jq.
//
//   node log-queries.mjs PAGE LINES
//
// PAGE is a Markdown document with blocks of `kql`, `logql` and `jq`; LINES is a log, one JSON object a line. One line of JSON says of
// each block its language, what is wrong with it, which fields of a line it names, and, of jq, what it prints.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { parser } from '@grafana/lezer-logql';
import * as jq from 'jq-wasm';

const require = createRequire(import.meta.url);
require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

/** The tables of Log Analytics in which the log of a container stands, as Azure Monitor documents them. */
const TABLES = {
  ContainerLogV2: '(TimeGenerated: datetime, ContainerName: string, PodName: string, LogMessage: dynamic, LogSource: string)',
  ContainerAppConsoleLogs_CL: '(TimeGenerated: datetime, ContainerAppName_s: string, ContainerName_s: string, Log_s: string)',
};

const tables = Object.entries(TABLES).map(([name, columns]) => new Symbols.TableSymbol.$ctor7(name, columns, ''));
const workspace = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor3('workspace', null, tables, false));

const array = (list) => Array.from({ length: list.Count ?? list.length }, (_, at) => (list.getItem ? list.getItem(at) : list[at]));

const matches = (text, pattern) => [...new Set([...text.matchAll(pattern)].map((match) => match[1]))];

const readers = {
  kql(query) {
    const diagnostics = array(KustoCode.ParseAndAnalyze(query, workspace).GetDiagnostics());
    return { errors: diagnostics.map((it) => it.Message), fields: matches(query, /\bline(?:\.|\[")(\w+)/g) };
  },
  logql(query) {
    const errors = [];
    const fields = new Set(matches(query, /\{\{\s*\.(\w+)/g));
    const text = (node) => query.slice(node.from, node.to);
    parser.parse(query).iterate({
      enter(node) {
        if (node.type.isError) errors.push(`not LogQL at ${node.from}: ${text(node)}`);
        // The labels of the stream are the operator's; what follows the parser are fields of the line.
        if (node.name === 'Selector') return false;
        if (node.name === 'Identifier') fields.add(text(node));
        return true;
      },
    });
    return { errors, fields: [...fields] };
  },
  async jq(query, lines) {
    // Where it reads all lines itself, it must not be given the first.
    const flags = ['-R', '-r', ...(query.includes('inputs') ? ['-n'] : [])];
    const fields = matches(query, /(?<![\w"])\.(\w+)/g);
    try {
      return { errors: [], fields, output: (await jq.raw(lines, query, flags)).split('\n').filter(Boolean) };
    } catch (error) {
      return { errors: [String(error)], fields };
    }
  },
};

const [page, lines] = await Promise.all(process.argv.slice(2, 4).map((file) => readFile(file, 'utf8')));
for (const [, language, query] of page.matchAll(/^```(kql|logql|jq)\n([\s\S]*?)^```$/gm)) {
  console.log(JSON.stringify({ language, query, ...(await readers[language](query.trim(), lines)) }));
}
