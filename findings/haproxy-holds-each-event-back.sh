#!/usr/bin/env bash
# What:     haproxy, as it comes, holds each small piece of a chunked answer back for about 200 ms: it tells the kernel that more will
#           come (MSG_MORE), and nothing more comes. Each event of an event stream is late by that, though the server sent it at once.
#           `option http-no-delay` ends it, and nothing in haproxy's log or statistics tells of it.
# Versions: haproxy 2.6.12-1+deb12u4 of Debian 12
# Seen:     2026-11-28. The median of eight events is 0.20 s late as it comes, and 0.00 s with the option (a client that keeps its connection).
# Needs:    bash, Debian 12 with apt (nothing is installed), python3. Ends by itself; fails where the delay is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill ${pids:-} 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download haproxy liblua5.3-0 libopentracing1 libopentracing-c-wrapper0
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$folder/root/usr/lib/$(uname -m)-linux-gnu"
root/usr/sbin/haproxy -v | head -1
cat > measure.py <<'PYTHON'
# Eight events, each with the time at which it was sent; how late they are in the median.
import socket, statistics, subprocess, sys, threading, time

def listener():
    taken = socket.socket()
    taken.bind(('127.0.0.1', 0))
    return taken

def serve(server):
    connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.recv(65536)
    connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n')
    for _ in range(8):
        time.sleep(0.3)
        event = b'data: %.6f\n\n' % time.monotonic()
        connection.sendall(b'%x\r\n%s\r\n' % (len(event), event))
    connection.sendall(b'0\r\n\r\n')

server = listener()
server.listen()
threading.Thread(target=serve, args=(server,), daemon=True).start()
held = listener()
port = held.getsockname()[1]
held.close()
with open('haproxy.cfg', 'w') as configuration:
    configuration.write(f'''defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
  {sys.argv[1]}
listen events
  bind 127.0.0.1:{port}
  server one 127.0.0.1:{server.getsockname()[1]}
''')
proxy = subprocess.Popen(['root/usr/sbin/haproxy', '-db', '-f', 'haproxy.cfg'])
try:
    while True:
        try:
            client = socket.create_connection(('127.0.0.1', port))
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    client.settimeout(30)
    client.sendall(b'GET / HTTP/1.1\r\nhost: events\r\n\r\n')
    delays, text = [], b''
    while len(delays) < 8:
        text += client.recv(65536)
        now = time.monotonic()
        *events, text = text.split(b'\n\n')
        delays += [now - float(event.split(b'data: ')[1]) for event in events if b'data: ' in event]
    print(f'{statistics.median(delays):.2f}')
finally:
    proxy.kill()
    proxy.wait()
PYTHON
late=$(python3 measure.py '')
early=$(python3 measure.py 'option http-no-delay')
echo "as it comes: $late s; with option http-no-delay: $early s"
python3 -c "import sys; sys.exit(not (0.15 <= $late <= 0.3 and $early < 0.1))" || { echo 'not as it was seen' >&2; exit 1; }
