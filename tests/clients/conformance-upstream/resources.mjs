// The resources that the official conformance runner asks for.

import { ResourceTemplate } from '@modelcontextprotocol/server';
import { PNG } from './media.mjs';

/** Registers the resources on `server`. */
export function registerResources(server) {
  const fixed = (name, uri, mimeType, description, content) =>
    server.registerResource(name, uri, { mimeType, description }, () => ({
      contents: [{ uri, mimeType, ...content }],
    }));

  fixed('Static text', 'test://static-text', 'text/plain', 'A text that never changes', {
    text: 'This is the content of the static text resource.',
  });
  fixed('Static image', 'test://static-binary', 'image/png', 'An image that never changes', { blob: PNG });
  fixed('Watched resource', 'test://watched-resource', 'text/plain', 'A text to subscribe to', {
    text: 'This resource can be subscribed to.',
  });

  server.registerResource(
    'Templated data',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { mimeType: 'application/json', description: 'Data whose id is in its URI' },
    (uri, { id }) => {
      const data = { id, templateTest: true, data: `Data for ID: ${id}` };
      return { contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(data) }] };
    },
  );
}

/**
 * Answers the 2025 subscription methods. `subscribed` is the session's set of URIs.
 * (In 2026-07-28 subscriptions are streams, which the SDK's HTTP handler serves.)
 */
export function serveSubscriptions(server, subscribed) {
  server.server.setRequestHandler('resources/subscribe', ({ params }) => {
    subscribed.add(params.uri);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
}
