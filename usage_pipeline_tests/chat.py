"""A chat's web server: what is sent to it, and how it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ELSEWHERE = "/elsewhere"


class Chat:
    """Takes messages on 127.0.0.1.

    answer: the status of the next answers. room: for so many messages; the next gets a 503.
    got: what it took.
    """

    def __init__(self) -> None:
        self.answer = 200
        self.room = 1000
        self.got: list[dict[str, Any]] = []
        self.asked: list[str] = []
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                chat.asked.append(f"POST {self.path} {self.headers['Content-Type']}")
                if not chat.room:
                    self._reply(503)
                    return
                if chat.answer < 300:
                    chat.room -= 1
                    chat.got.append(json.loads(body))
                self._reply(chat.answer)

            def do_GET(self) -> None:
                chat.asked.append(f"GET {self.path}")
                self._reply(200)

            def _reply(self, status: int) -> None:
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", ELSEWHERE)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hooks/secret"

    @property
    def texts(self) -> list[str]:
        """The messages that it took."""
        return [message["text"] for message in self.got]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """From here on nobody listens."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


@contextmanager
def open_chat() -> Iterator[Chat]:
    chat = Chat()
    chat.start()
    try:
        yield chat
    finally:
        chat.stop()
