// Streamable HTTP with sessions, as protocol versions up to 2025-11-25 have it.

import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';

/** A fetch handler that keeps one transport and one server (made by `createServer`) per session. */
export function sessionHandler(createServer) {
  const transports = new Map();

  return async (request) => {
    const sessionId = request.headers.get('mcp-session-id');
    if (sessionId !== null) {
      const transport = transports.get(sessionId);
      return transport ? transport.handleRequest(request) : sessionNotFound();
    }
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void transports.delete(id),
      eventStore: new EventHistory(),
      retryInterval: 100,
    });
    await createServer().connect(transport);
    // Whatever is not `initialize` is refused by the transport itself: it belongs to no session.
    return transport.handleRequest(request);
  };
}

/**
 * Express middleware. Node.js keeps response headers back until the first byte of the body, which for a quiet event
 * stream is the first keep-alive after 15 s. Clients wait for them: the Python SDK sends nothing else until the headers
 * arrived.
 */
export function sendHeadersAtOnce(_req, res, next) {
  const writeHead = res.writeHead;
  res.writeHead = (...head) => {
    writeHead.apply(res, head);
    res.flushHeaders();
    return res;
  };
  next();
}

function sessionNotFound() {
  const error = { code: -32001, message: 'Session not found' };
  return Response.json({ jsonrpc: '2.0', error, id: null }, { status: 404 });
}

/** The events of one session, kept so that a client can fetch what it missed (`Last-Event-ID`). */
class EventHistory {
  #events = [];

  async storeEvent(streamId, message) {
    this.#events.push({ streamId, message });
    return String(this.#events.length);
  }

  async getStreamIdForEventId(eventId) {
    return this.#events[Number(eventId) - 1]?.streamId;
  }

  async replayEventsAfter(lastEventId, { send }) {
    const streamId = await this.getStreamIdForEventId(lastEventId);
    for (const [index, event] of this.#events.entries()) {
      const isPriming = Object.keys(event.message).length === 0;
      if (index >= Number(lastEventId) && event.streamId === streamId && !isPriming) {
        await send(String(index + 1), event.message);
      }
    }
    return streamId;
  }
}
