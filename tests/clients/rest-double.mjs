// A REST API that does what a published OpenAPI document says: it serves the document, holds every request against it, and answers
// with values of the schema that the document promises.
//
//   node rest-double.mjs PACKAGE/FILE
//
// Prints {"url","document","operations"} once it listens. GET /_test/requests says what came in: {"answered","strange":[...]},
// where a strange request is one that the document does not have.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import express from 'express';
import { parse } from 'yaml';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];
const DEEPEST = 6;

const [packagePath] = process.argv.slice(2);
const { resolve } = createRequire(import.meta.url);
const [scope, name, ...rest] = packagePath.startsWith('@') ? packagePath.split('/') : ['', ...packagePath.split('/')];
const root = resolve.paths('x').map((folder) => `${folder}/${scope && `${scope}/`}${name}`);
const text = root.map((folder) => `${folder}/${rest.join('/')}`).map(read).find((found) => found !== undefined);
const document = parse(text, { maxAliasCount: -1 });

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function resolved(part) {
  let found = part;
  for (let step = 0; found?.$ref !== undefined && step < 16; step++) {
    const names = found.$ref.slice(2).split('/').map((name) => decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~'));
    found = names.reduce((object, name) => object?.[name], document);
  }
  return found ?? {};
}

/** Each operation with an expression for its paths. */
const operations = Object.entries(document.paths).flatMap(([path, item]) => {
  const parts = path.split(/\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('[^/]+')}$`);
  return METHODS.filter((method) => item[method]).map((method) => ({ method, path, expression, item, operation: item[method] }));
});

/** The operation of a request: of those that fit, the one with the fewest parameters. */
function operationOf(method, path) {
  const fits = operations.filter((known) => known.method === method && known.expression.test(path));
  return fits.sort((one, other) => one.path.split('{').length - other.path.split('{').length)[0];
}

/** What a request lacks that the document demands. */
function missing(known, request) {
  const parameters = [...(known.item.parameters ?? []), ...(known.operation.parameters ?? [])].map(resolved);
  const lacks = parameters
    .filter(({ required, in: place }) => required && place !== 'path')
    .filter(({ in: place, name }) =>
      place === 'query' ? !new URLSearchParams(request.url.split('?')[1] ?? '').has(name) : !request.get(name),
    );
  const body = resolved(known.operation.requestBody ?? {});
  if (body.required && request.body.length === 0) lacks.push({ name: 'body' });
  return lacks.map(({ name }) => name);
}

/** A value of a schema. */
function sample(schema, depth = 0) {
  const own = resolved(schema);
  if (depth > DEEPEST) return null;
  if (own.enum) return own.enum[0];
  if (own.const !== undefined) return own.const;
  if (own.allOf) return Object.assign({}, ...own.allOf.map((part) => sample(part, depth + 1)), ofProperties(own, depth));
  const either = own.oneOf ?? own.anyOf;
  if (either) return sample(either[0], depth + 1);
  const type = [own.type].flat()[0] ?? (own.properties ? 'object' : undefined);
  switch (type) {
    case 'object':
      return ofProperties(own, depth);
    case 'array':
      return [sample(own.items ?? {}, depth + 1)];
    case 'integer':
    case 'number':
      return own.minimum ?? 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return 'text';
  }
}

function ofProperties(schema, depth) {
  const properties = Object.entries(schema.properties ?? {});
  return Object.fromEntries(properties.map(([name, property]) => [name, sample(property, depth + 1)]));
}

const seen = { answered: 0, strange: [] };
const app = express();
app.disable('x-powered-by');
app.get('/_test/requests', (_request, response) => response.json(seen));
app.get('/_test/document', (_request, response) => response.type('text/plain').send(text));
app.use('/base', express.raw({ type: () => true }), (request, response) => {
  const known = operationOf(request.method.toLowerCase(), request.path);
  const lacks = known ? missing(known, { ...request, get: (name) => request.get(name), url: request.url, body: request.body ?? '' }) : [];
  if (known === undefined || lacks.length > 0) {
    seen.strange.push(`${request.method} ${request.url}${lacks.length > 0 ? ` lacks ${lacks}` : ''}`);
    return response.status(404).json({ error: 'not in the document' });
  }
  seen.answered += 1;
  const responses = Object.entries(known.operation.responses ?? {}).filter(([status]) => status.startsWith('2'));
  const [status, success] = responses.sort()[0] ?? ['200', {}];
  const content = Object.entries(resolved(success).content ?? {}).find(([type]) => type.includes('json'));
  response.status(Number(status.replaceAll('X', '0')));
  return content === undefined ? response.end() : response.type(content[0]).send(JSON.stringify(sample(content[1].schema ?? {})));
});

const listener = app.listen(0, '127.0.0.1', (error) => {
  if (error) throw error;
  const origin = `http://127.0.0.1:${listener.address().port}`;
  console.log(JSON.stringify({ url: origin, document: `${origin}/_test/document`, operations: operations.length }));
});
