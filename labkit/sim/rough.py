"""What fails below HTTP: addresses at which nothing can be reached, and a connection that is reset.

The failures are the operating system's own: the port is really closed, the name really unknown, the TLS client really
talks to a server that does not. So the caller's error is the one that it will meet outside the lab.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit


class Rough:
    """Addresses that fail. It holds one port on which nobody listens, so that no other program takes it meanwhile."""

    def __init__(self) -> None:
        self._closed: socket.socket | None = None

    def address(self, kind: str, provider: str, url: str) -> str:
        """`url` of a provider, changed so that calling it fails: refused, tls or unknown_host."""
        parts = urlsplit(url)
        if kind == "refused":
            return urlunsplit(parts._replace(netloc=f"127.0.0.1:{self.closed_port()}"))
        if kind == "tls":
            return urlunsplit(parts._replace(scheme="https"))
        # RFC 6761, 6.4: names under .invalid never resolve, on any computer
        return urlunsplit(parts._replace(netloc=f"{provider}.invalid:{parts.port}"))

    def closed_port(self) -> int:
        """A port of this machine that is bound and on which nobody listens: connecting to it is refused."""
        if self._closed is None:
            self._closed = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._closed.bind(("127.0.0.1", 0))
        port: int = self._closed.getsockname()[1]
        return port

    def close(self) -> None:
        """Give the port back."""
        if self._closed is not None:
            self._closed.close()
            self._closed = None


def reset(connections: Iterable[Any], client: tuple[str, int]) -> bool:
    """Reset the connection of `client` (RST, not FIN): the other side reads 'connection reset by peer'.

    connections: uvicorn's, each with its `transport`.  Returns whether there was one.
    """
    for connection in list(connections):
        transport = connection.transport
        if transport is not None and (transport.get_extra_info("peername") or ())[:2] == client:
            sock = transport.get_extra_info("socket")
            # SO_LINGER of 0 seconds: closing throws away what is not sent, and says so with RST
            with contextlib.suppress(OSError):
                sock.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
                )
            transport.abort()
            return True
    return False
