// The OAuth side of the two TypeScript SDKs (their `OAuthClientProvider` interfaces agree on what is used here):
// everything is kept in memory, and sign-ins go through the browser without a screen.

import { randomUUID } from 'node:crypto';
import { Browser } from './browser.mjs';
import { listenForCallback } from './loopback.mjs';

/** One installation of a client: its registration, its tokens, and how often it had to sign in. */
export class OAuthSession {
  /** How often the user had to sign in. */
  authorizations = 0;
  /** The `client_id` that the authorization request had. */
  clientId;
  /** How often tokens were received: by a sign-in or by a refresh. */
  tokenResponses = 0;
  /** The pages that asked the user for something, in order. */
  pages = [];
  #browser = new Browser();
  #callback;
  #user;
  #state = {};

  /**
   * Starts listening for the callback of `clientName`, for which `user` will sign in. `identity` is who the client is
   * (`parseClientArguments`) to the authorization server `issuer`; without an id it registers. A client that signs has
   * `addClientAuthentication`, of its SDK.
   */
  static async open(clientName, user, { identity = {}, issuer, addClientAuthentication } = {}) {
    const session = new OAuthSession();
    session.#callback = await listenForCallback();
    session.#user = user;
    session.clientMetadata = {
      client_name: clientName,
      redirect_uris: [session.#callback.redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    };
    const { metadataUrl, id, secret, authMethod } = identity;
    if (metadataUrl) session.clientMetadataUrl = metadataUrl;
    if (id) session.#state.client = { client_id: id, issuer, ...(secret && withSecret(secret, authMethod)) };
    if (addClientAuthentication) session.addClientAuthentication = addClientAuthentication;
    return session;
  }

  /** The parameters of the authorization response. */
  get callbackParameters() {
    return this.#callback.received;
  }

  get redirectUrl() {
    return this.#callback.redirectUri;
  }

  async redirectToAuthorization(url) {
    this.authorizations += 1;
    if (this.authorizations > 1) throw new Error('the client wants the user to sign in a second time');
    this.clientId = url.searchParams.get('client_id');
    const { status, pages } = await this.#browser.signIn(url, { user: this.#user });
    this.pages.push(...pages);
    if (status !== 200) throw new Error(`the callback answered ${status}`);
  }

  state = () => (this.#state.state = randomUUID());
  clientInformation = () => this.#state.client;
  saveClientInformation = (client) => void (this.#state.client = client);
  tokens = () => this.#state.tokens;
  saveTokens = (tokens) => {
    this.tokenResponses += 1;
    this.#state.tokens = tokens;
  };
  saveCodeVerifier = (verifier) => void (this.#state.verifier = verifier);
  codeVerifier = () => this.#state.verifier;
  saveDiscoveryState = (discovery) => void (this.#state.discovery = discovery);
  discoveryState = () => this.#state.discovery;

  /** Fails unless the callback carries the `state` of the request. */
  async verifyState() {
    const parameters = await this.callbackParameters;
    if (parameters.get('state') !== this.#state.state) throw new Error('the callback has another state');
    return parameters;
  }

  close() {
    this.#callback.close();
  }
}

function withSecret(secret, authMethod) {
  return { client_secret: secret, token_endpoint_auth_method: authMethod };
}
