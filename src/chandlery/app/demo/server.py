"""A throw-away server in processes of its own, which can be killed as a power cut would."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx

from chandlery.engine.children import CannotStart, spawn_python, stop

_READY_SECONDS = 60
_STOP_SECONDS = 30


class ThrowAwayServer:
    """`chandlery serve` on a free port and a data directory of its own, in a process tree of its own."""

    def __init__(self, *, keep: bool = False, demo: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chandlery-demo-", ignore_cleanup_errors=True)
        self._keep = keep
        self._options = ("--demo",) if demo else ()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    @property
    def data(self) -> Path:
        return Path(self._folder.name)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> ThrowAwayServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._keep:
            self._folder._finalizer.detach()  # type: ignore[attr-defined]  # noqa: SLF001 - has no public way
        else:
            self._folder.cleanup()

    def start(self) -> float:
        """Start it and wait until it says that it is ready; the seconds that took."""
        started = time.monotonic()
        environment = {"CHANDLERY_LOG_LEVEL": "error", "CHANDLERY_ALLOW_PRIVATE_ADDRESSES": "true"}
        arguments = ("serve", "--port", str(self.port), "--data", str(self.data), *self._options)
        self._process = spawn_python(
            "chandlery.app.commands", *arguments, environment=environment, stdout=subprocess.DEVNULL
        )
        while time.monotonic() - started < _READY_SECONDS:
            if self._process.poll() is not None:
                raise CannotStart(
                    f"The demo's server ended with status {self._process.returncode}; see above."
                )
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.base_url}/health/ready", timeout=2).status_code == 200:
                    return time.monotonic() - started
            time.sleep(0.05)
        raise CannotStart(f"The demo's server was not ready after {_READY_SECONDS} seconds.")

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, (signal.SIGTERM, _STOP_SECONDS))
            self._process = None

    def forget(self) -> None:
        """Somebody else has ended it: wait for that, and do not end it again."""
        assert self._process is not None
        self._process.wait(_STOP_SECONDS)
        self._process = None

    def processes(self) -> dict[int, str]:
        """The server's process and all below it: process number to command."""
        assert self._process is not None
        return tree_below(self._process.pid)

    def kill_everything(self) -> list[str]:
        """SIGKILL for the API, the worker and PostgreSQL with all its processes; the names of what was killed."""
        assert self._process is not None
        tree = self.processes()
        for pid in sorted(tree, reverse=True):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None
        return [tree[pid] for pid in sorted(tree)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tree_below(root: int) -> dict[int, str]:
    """Every process below `root`, and itself: process number to command."""
    everyone = dict(_processes())
    tree = {root: everyone[root][1]} if root in everyone else {}
    while grown := {pid: args for pid, (ppid, args) in everyone.items() if ppid in tree and pid not in tree}:
        tree |= grown
    return tree


def _processes() -> Iterator[tuple[int, tuple[int, str]]]:
    """Process number, parent and command of everything that runs; `ps` is for systems without /proc."""
    if Path("/proc/self/stat").exists():
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid = int(entry.name)
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                )
                yield pid, (int(fields[1]), command)
        return
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True, timeout=10
    ).stdout
    for line in listing.splitlines():
        number, parent, *words = line.split(maxsplit=2)
        yield int(number), (int(parent), words[0] if words else "")
