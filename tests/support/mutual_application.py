"""An application of ``mutual_mesh``: answers on port 9080, and calls another one all the time, each
time on a new connection. It prints each failure, and every second how many calls succeeded.

    mutual_application.py CALLED PAUSE

Runs as a user of its own, so it needs nothing but Python.
"""

import http.client
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.headers.get("x-forwarded-client-cert", "plaintext").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def asked(called: str) -> str:
    """Empty where it succeeds."""
    connection = http.client.HTTPConnection(called, 9080, timeout=30)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        body = response.read().decode()
    except (OSError, http.client.HTTPException) as fault:
        return repr(fault)
    finally:
        connection.close()
    return "" if response.status == 200 and "URI=spiffe" in body else f"{response.status} {body}"


def main(called: str, pause: float) -> None:
    server = ThreadingHTTPServer(("0.0.0.0", 9080), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    count, shown = 0, 0.0
    while True:
        fault = asked(called)
        count += not fault
        if fault:
            print(f"failed {time.strftime('%H:%M:%S')} {fault}", flush=True)
        elif time.monotonic() > shown + 1:
            shown = time.monotonic()
            print(f"succeeded {count}", flush=True)
        time.sleep(pause)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
