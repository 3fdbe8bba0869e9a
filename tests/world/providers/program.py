"""What the providers' programs in Python share.

Each is told `--redirect-uri URL --client-secret SECRET`, prints a line of JSON once it serves, and does what the lines on
its standard input say. It ends with its input.
"""

import argparse
import json
import os
import socket
import sys
import threading
import traceback
from importlib.metadata import version

# Standard output is for the lines to the test; what libraries print there is for who looks into a failure.
_lines = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def arguments():
    """What the program was told: `redirect_uri` and `client_secret`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--redirect-uri", required=True)
    parser.add_argument("--client-secret", required=True)
    return parser.parse_args()


def free_port():
    """A port that was free a moment ago: issuers hold their port, so it is needed before the program listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def versions(*packages):
    """The packages with the versions that run, for people."""
    return ", ".join(f"{package} {version(package)}" for package in packages)


def ready(**line):
    """Says that the program serves."""
    print(json.dumps(line), file=_lines)


def when_told(**actions):
    """Calls the action of that name for each line that comes, and says so; ends the process with its input.

    Returns the thread that does it.
    """

    def read():
        try:
            for line in sys.stdin:
                if action := actions.get(line.strip()):
                    action()
                    ready(step=line.strip())
        except Exception:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    return reading
