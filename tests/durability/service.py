"""A service that takes messages, and remembers which."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_TRACE_ID = re.compile(rb'"traceId":\s*(\d+)')


class Service:
    """Counts the messages by their trace id; `on_arrival` is called before a message is answered."""

    def __init__(self, on_arrival: Callable[[int], None] | None = None) -> None:
        self.arrivals: Counter[int] = Counter()
        lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Else an answer of two packets waits for the client's acknowledgement.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                found = _TRACE_ID.search(content)
                assert found
                with lock:
                    service.arrivals[int(found[1])] += 1
                    if on_arrival:
                        on_arrival(int(found[1]))
                answer = b'{"status":"ok"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                # A client that dies is what this is about.
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/rest/v1/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
