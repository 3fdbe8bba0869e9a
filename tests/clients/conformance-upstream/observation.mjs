// What a test can ask this server about the requests that reached it.

import { EventEmitter, once } from 'node:events';

const KEPT_REQUESTS = 500;

/** Counts requests and `stream_progress` calls and how they ended, and keeps the newest requests' headers. */
export class Observation {
  #counters = {
    received: 0,
    finished: 0,
    closed_by_client: 0,
    calls_started: 0,
    calls_completed: 0,
    calls_cancelled: 0,
  };
  #newest = [];
  #changes = new EventEmitter().setMaxListeners(0);

  /** Adds one to a counter. */
  tally = (name) => {
    this.#counters[name] += 1;
    this.#changes.emit('change');
  };

  /** Express middleware: observes a request to the MCP endpoint. */
  middleware = (req, res, next) => {
    this.#newest.push({ method: req.method, url: req.originalUrl, headers: req.headers });
    if (this.#newest.length > KEPT_REQUESTS) this.#newest.shift();
    this.tally('received');
    // Without `finish` the connection went away before the whole answer was handed to it.
    res.on('close', () => this.tally(res.writableFinished ? 'finished' : 'closed_by_client'));
    next();
  };

  /**
   * `GET /_test/closed[?COUNTER=N]...[&wait_ms=M]`: the counters, as soon as each COUNTER is at least N, and at the
   * latest after M milliseconds (10 s unless given).
   */
  closed = async (req, res) => {
    const { wait_ms: waitMs = 10_000, ...wanted } = req.query;
    const deadline = AbortSignal.timeout(Number(waitMs));
    const isReached = () => Object.entries(wanted).every(([name, least]) => this.#counters[name] >= Number(least));
    while (!isReached() && !deadline.aborted) {
      await once(this.#changes, 'change', { signal: deadline }).catch(() => undefined);
    }
    const { received, finished, closed_by_client } = this.#counters;
    res.json({ ...this.#counters, open: received - finished - closed_by_client });
  };

  /** `GET /_test/requests`: method, URL and headers of the newest requests, oldest first. */
  requests = (_req, res) => void res.json(this.#newest);
}
