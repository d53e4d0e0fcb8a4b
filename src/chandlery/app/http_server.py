"""The HTTP server: granian in our own process and event loop, on a socket that we bind ourselves.

Granian's usual server is a parent with worker processes, which go on serving when the parent is killed, and
it binds with SO_REUSEPORT, so that a second server on the same port starts without a word and takes half of
the requests. Embedded, there is one process and nobody to outlive it; our own socket, bound without that
option, makes a port in use an error. The price is one core for the event loop: more API processes are more
servers on more ports.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # public, but not in its __all__
from granian.server.embed import Server

from chandlery.engine.children import CannotStart

_BACKLOG = 1024
_GRACE_SECONDS = 20.0
# Granian's messages go where all of ours go, not to handlers of its own on standard output.
_LOGGING: dict[str, Any] = {"handlers": {}, "loggers": {"_granian": {"propagate": True}}}


def listen(host: str, port: int) -> socket.socket:
    """Takes the port for us alone. Port 0 takes any free one; `getsockname()` tells which."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with --port."
        ) from error
    listener.setblocking(False)
    return listener


class _EmbeddedServer(Server):
    """Serves on a socket that is bound already."""

    def __init__(self, app: Any, listener: socket.socket) -> None:
        host, port, *_ = listener.getsockname()
        super().__init__(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            backlog=_BACKLOG,
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        # Its type stub does not know the arguments: descriptor, whether a Unix socket, backlog.
        self._shd = SocketHolder(self._listener.detach(), False, _BACKLOG)  # type: ignore[call-arg,assignment]


async def serve_asgi(
    app: Any,
    listener: socket.socket,
    grace_seconds: float = _GRACE_SECONDS,
    leaving: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the running requests within `grace_seconds`.

    `leaving` is told when that begins: answers without an end have to be ended. A second signal ends the grace. The
    app's lifespan is run; a failure of its start-up is raised here.
    """
    server = _EmbeddedServer(app, listener)
    stop_asked, haste_asked = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (haste_asked if stop_asked.is_set() else stop_asked).set()

    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, on_signal)
    serving = asyncio.create_task(server.serve())
    try:
        await _first_of(serving, stop_asked)
        leaving()
        server.stop()  # type: ignore[no-untyped-call]
        await _first_of(serving, haste_asked, timeout_seconds=grace_seconds)
    finally:
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(signal_number)
        if not serving.done():
            serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    if not serving.cancelled():
        serving.result()


async def _first_of(
    task: asyncio.Task[None], event: asyncio.Event, timeout_seconds: float | None = None
) -> None:
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
