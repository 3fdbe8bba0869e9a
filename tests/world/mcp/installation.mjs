// One installation of a client from npm, as the `OAuthClientProvider` that most of them take from their users: it keeps everything in
// memory, and signs in with the browser without a screen, as often as the client asks for it.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Browser } from '../../clients/browser.mjs';

export class Installation {
  /** How often the browser was opened. */
  timesOpened = 0;
  /** The newest authorization response (`URLSearchParams`). */
  response;
  #browser = new Browser();
  #server;
  #state = {};

  /** An installation of the client with this name, which listens for its callback. */
  static async listening(clientName) {
    const installation = new Installation();
    // Only the browser's last page is shown here; the response is in its address.
    installation.#server = createServer((_, response) => response.setHeader('connection', 'close').end('Done.'));
    installation.#server.listen(0, '127.0.0.1');
    await once(installation.#server, 'listening');
    installation.redirectUrl = `http://127.0.0.1:${installation.#server.address().port}/callback`;
    installation.clientMetadata = {
      client_name: clientName,
      redirect_uris: [installation.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    };
    return installation;
  }

  async redirectToAuthorization(url) {
    this.response = (await this.signIn(url)).parameters;
  }

  /** Signs in at `url` for a client that listens itself. */
  async signIn(url) {
    this.timesOpened += 1;
    return this.#browser.signIn(url);
  }

  state = () => (this.#state.state = randomUUID());
  clientInformation = () => this.#state.client;
  saveClientInformation = (client) => void (this.#state.client = client);
  tokens = () => this.#state.tokens;
  saveTokens = (tokens) => void (this.#state.tokens = tokens);
  saveCodeVerifier = (verifier) => void (this.#state.verifier = verifier);
  codeVerifier = () => this.#state.verifier;
  /** @ai-sdk/mcp compares the response's state with this one. */
  storedState = () => this.#state.state;
  saveState = (state) => void (this.#state.state = state);
  authorizationServerInformation = () => this.#state.server;
  saveAuthorizationServerInformation = (server) => void (this.#state.server = server);

  close() {
    this.#server.close();
  }
}
