#!/usr/bin/env bash
# What:     MCP 2026-07-28 lets a tool name the header that repeats an argument (`x-mcp-header`), with any characters of a field name
#           (RFC 9110). nginx, as it comes, drops such a header silently if it has _ . or ~ in it, and a server that checks headers
#           against the body must then refuse the call. `underscores_in_headers on` and `ignore_invalid_headers off` let them pass.
# Versions: nginx 1.22.1-9+deb12u11 of Debian 12; the specification of 2026-07-28
# Seen:     2026-11-28. Of four headers, one arrives as it comes, and four with both lines; the error log says nothing at its level.
# Needs:    bash, Debian 12 with apt (nothing is installed), python3. Ends by itself; fails where other headers arrive.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download nginx
dpkg-deb -x nginx_*.deb root
root/usr/sbin/nginx -v 2>&1
cat > measure.py <<'PYTHON'
# Which of four headers reach a server behind nginx, and how many lines nginx complains with.
import http.client, http.server, os, socket, subprocess, sys, threading, time

NAMES = ['Mcp-Param-Region', 'Mcp-Param-user_id', 'Mcp-Param-city.name', 'Mcp-Param-a~b']
arrived = []

class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        arrived.extend(name for name in NAMES if self.headers.get(name))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(('127.0.0.1', 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
held = socket.socket()
held.bind(('127.0.0.1', 0))
port = held.getsockname()[1]
held.close()
here = os.getcwd()
temporary = ''.join(f'{kind}_temp_path {here}/{kind};\n' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
with open('nginx.conf', 'w') as configuration:
    configuration.write(f'''daemon off; master_process off; pid {here}/pid; error_log {here}/errors;
events {{}}
http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; {sys.argv[1]}
  location / {{ proxy_pass http://127.0.0.1:{server.server_port}; }} }} }}
''')
proxy = subprocess.Popen(['root/usr/sbin/nginx', '-e', f'{here}/errors', '-p', here, '-c', f'{here}/nginx.conf'])
try:
    for _ in range(200):
        try:
            client = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
            client.request('GET', '/', headers={name: 'x' for name in NAMES})
            assert client.getresponse().status == 204
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    print(len(arrived), len(open('errors').readlines()))
finally:
    proxy.kill()
    proxy.wait()
PYTHON
plain=$(python3 measure.py '')
both=$(python3 measure.py 'underscores_in_headers on; ignore_invalid_headers off;')
echo "headers that arrive, and lines in the error log: as it comes $plain; with both lines $both"
[ "$plain / $both" = '1 0 / 4 0' ] || { echo 'not as it was seen' >&2; exit 1; }
