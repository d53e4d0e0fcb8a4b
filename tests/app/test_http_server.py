from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from chandlery.app.http_server import listen
from chandlery.engine.children import CannotStart
from tests.engine.processes import PATIENCE_SECONDS, end, line_of, python

SERVER = """
import asyncio, sys
from chandlery.app.http_server import listen, serve_asgi

release = asyncio.Event()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        if "broken" in sys.argv:
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            return
        await send({"type": "lifespan.startup.complete"})
        print("ready", flush=True)
        await receive()
        print("lifespan ends", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] in ("/slow", "/endless"):
        print(scope["path"], flush=True)
        await (release.wait() if scope["path"] == "/slow" else asyncio.Event().wait())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})

async def main():
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin, release.set)
    await serve_asgi(app, listener, grace_seconds=float(sys.argv[1]))
    print("stopped", flush=True)

asyncio.run(main())
"""


class Served:
    def __init__(self, grace_seconds: float = PATIENCE_SECONDS) -> None:
        self.process: subprocess.Popen[str] = python(SERVER, str(grace_seconds))
        self.port = int(line_of(self.process))
        assert line_of(self.process) == "ready"

    def ask(self, path: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        return connection


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served()
    yield server
    end(server.process)


def test_an_app_is_served(served: Served) -> None:
    assert httpx.get(f"http://127.0.0.1:{served.port}/").text == "served"


def test_a_port_in_use_is_an_error_that_says_so(served: Served) -> None:
    with pytest.raises(
        CannotStart, match=f"Cannot listen on 127.0.0.1 port {served.port}: Address already in use"
    ):
        listen("127.0.0.1", served.port)


def test_a_host_that_is_not_ours_is_an_error_that_says_so() -> None:
    with pytest.raises(CannotStart, match=r"Cannot listen on 192\.0\.2\.1 port 80"):
        listen("192.0.2.1", 80)


@pytest.mark.parametrize("request_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_finished_before_the_server_stops(
    served: Served, request_to_stop: signal.Signals
) -> None:
    with served.ask("/slow") as connection, served.ask("/") as idle:
        assert line_of(served.process) == "/slow"
        assert idle.recv(1000).endswith(b"served")
        served.process.send_signal(request_to_stop)
        assert idle.recv(1000) == b""  # an idle connection is closed, so the stop is under way
        with pytest.raises(ConnectionRefusedError):
            served.ask("/")
        assert served.process.stdin is not None
        served.process.stdin.write("go on\n")
        served.process.stdin.flush()
        answer = b"".join(iter(lambda: connection.recv(1000), b""))
        assert answer.endswith(b"served")
    assert [line_of(served.process), line_of(served.process)] == ["lifespan ends", "stopped"]
    assert served.process.wait(PATIENCE_SECONDS) == 0


def test_a_request_that_does_not_end_is_cut_when_the_grace_is_over() -> None:
    served = Served(grace_seconds=0.1)
    with served.ask("/endless"):
        assert line_of(served.process) == "/endless"
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_SECONDS) == 0
    end(served.process)


def test_a_second_signal_ends_the_grace(served: Served) -> None:
    with served.ask("/endless"), served.ask("/") as idle:
        assert line_of(served.process) == "/endless"
        assert idle.recv(1000).endswith(b"served")
        served.process.send_signal(signal.SIGTERM)
        assert idle.recv(1000) == b""
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_SECONDS) == 0


def test_a_start_up_that_fails_ends_the_server_with_an_error() -> None:
    process = python(SERVER, "1", "broken")
    line_of(process)
    assert process.wait(PATIENCE_SECONDS) == 1
    end(process)
