// The page of an application that uses the hook `useMcp`; `/oauth/callback` of the same origin ends a sign-in in a popup.

import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { onMcpAuthorization } from 'use-mcp';
import { useMcp } from 'use-mcp/react';

if (location.pathname === '/oauth/callback') {
  onMcpAuthorization();
} else {
  createRoot(document.body).render(createElement(Application, { url: new URLSearchParams(location.search).get('url') }));
}

/** Shows nothing: what the hook returns is for the program that drives the browser. */
function Application({ url }) {
  window.mcp = useMcp({ url, clientName: 'A page with use-mcp', transportType: 'http', autoReconnect: false });
  return null;
}
