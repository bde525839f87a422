"""A mail server that keeps what it gets."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from typing import ClassVar


class Mailbox(socketserver.StreamRequestHandler):
    """As much of a mail server as a client needs (RFC 5321)."""

    messages: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            command = line.decode().strip().upper()
            if command == "DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (text := self.rfile.readline()) != b".\r\n":
                    lines.append(text.decode())
                Mailbox.messages.append("".join(lines))
            if command == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


@contextlib.contextmanager
def running_mail_server() -> Iterator[str]:
    """Run the server, with an empty mailbox; yield its address for DATASYNC_SMTP_URL."""
    Mailbox.messages.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
