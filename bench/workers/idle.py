"""Sends to a server that gives an idle connection up after 20 ms, and counts what failed: idle.py PEER."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import time

import peers

SENDS = 200
PAUSE = 0.045
PATIENCE = 0.02
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n" + b'{"status":"ok"}'
)


class Impatient(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    given_up = 0


class Handler(socketserver.StreamRequestHandler):
    server: Impatient

    def handle(self) -> None:
        while True:
            length = 0
            try:
                self.connection.settimeout(PATIENCE)
                line = self.rfile.readline()
                self.connection.settimeout(10)
                while line not in (b"\r\n", b""):
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                    line = self.rfile.readline()
            except TimeoutError:
                break
            if not line:
                break
            self.rfile.read(length)
            self.wfile.write(ANSWER)
        self.connection.close()
        self.server.given_up += 1


def main() -> None:
    with Impatient(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        send = peers.BLOCKING[sys.argv[1]](f"http://127.0.0.1:{server.server_address[1]}/rest/v1/", None)
        errors = 0
        for number in range(SENDS):
            try:
                send(number)
            except Exception:
                errors += 1
            given_up = server.given_up
            time.sleep(PAUSE)
            # A busy machine may wake the server so late that it would close under the next message.
            end = time.monotonic() + 5
            while server.given_up == given_up and given_up <= number - errors and time.monotonic() < end:
                time.sleep(0.005)
        server.shutdown()
    print(json.dumps({"errors": errors}))


if __name__ == "__main__":
    main()
