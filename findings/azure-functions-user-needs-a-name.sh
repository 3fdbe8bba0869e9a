#!/usr/bin/env bash
# What:     Microsoft's library for HTTP functions reads who calls from `x-ms-client-principal`, which has everything in it. Where the header
#           `x-ms-client-principal-name` is absent, `request.user` throws, and with it every function that looks who calls. Whoever stands in
#           front and has no name to tell (a machine, or a user whose name is nobody's business) must write something there.
# Versions: @azure/functions 4.16.5 (npm), Node.js 20 or newer
# Seen:     2026-11-29.
# Needs:    bash, node, npm. Ends by itself; fails where the library does something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @azure/functions@4.16.5
cat >ask.cjs <<'JS'
const { HttpRequest } = require('@azure/functions');
const principal = Buffer.from(JSON.stringify({ auth_typ: 'aad', claims: [], name_typ: 'name', role_typ: 'roles' })).toString('base64');
const of = (headers) => new HttpRequest({ method: 'GET', url: 'http://127.0.0.1/', headers });
const all = { 'x-ms-client-principal': principal, 'x-ms-client-principal-id': 'id', 'x-ms-client-principal-idp': 'aad' };
for (const [what, headers] of [['named', { ...all, 'x-ms-client-principal-name': 'somebody' }], ['nameless', all]]) {
  try {
    const { user } = of(headers);
    console.log(what, user === null ? 'nobody' : `user ${user.username}`);
  } catch (error) {
    console.log(what, 'throws');
  }
}
JS
node ask.cjs | tee seen.txt
printf '%s\n' 'named user somebody' 'nameless throws' >expected.txt
diff expected.txt seen.txt
