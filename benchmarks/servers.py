"""`chandlery serve` as an operator starts it, on a data directory of its own that goes away with it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, LiteralString

import psycopg

from benchmarks.accounting import Stopwatch, all_usages, command_of, own_cpu, tree_cpu
from chandlery.engine.children import PARENT_VARIABLE, CannotStart, must_be_main_thread, stop
from chandlery.engine.embedded_postgres import running_server

_READY_SECONDS = 60
_STOP_SECONDS = 30
DATABASE = "chandlery"


class Server:
    """The process, its PostgreSQL and its worker."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chandlery-bench-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.data = Path(self._folder.name) / "data"
        self._log = Path(self._folder.name) / "serve.log"
        self.port = free_port()
        self.ready_after_seconds = 0.0
        self.pid = self.worker_pid = self.postgres_pid = 0

    def __enter__(self) -> Server:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(self) -> None:
        started = time.perf_counter()
        arguments = ("serve", "--port", str(self.port), "--data", str(self.data))
        with self._log.open("wb") as log:  # it logs as it does for everybody: that is a part of the cost
            self._process = spawn_python(
                "chandlery.app.commands", *arguments, stdout=subprocess.DEVNULL, stderr=log
            )
        self.pid = self._process.pid
        try:
            wait_until_answering(self.port, "/health/ready", self._process)
        except CannotStart as why:
            raise CannotStart(f"{why} Its log ends with:\n{self._log.read_text()[-3000:]}") from why
        self.ready_after_seconds = time.perf_counter() - started
        children = {
            usage.pid: command_of(usage.pid) for usage in all_usages() if usage.parent_pid == self.pid
        }
        self.worker_pid = _the_one(children, "chandlery.app.worker")
        self.postgres_pid = _the_one(children, "/postgres ")

    def _end(self) -> None:
        if self._process is not None:
            self._let_worker_go_on()
            stop(self._process, (signal.SIGTERM, _STOP_SECONDS))
            self._process = None
        self._folder.cleanup()

    def stopwatch(self) -> Stopwatch:
        """CPU of the API process alone, of the worker, and of PostgreSQL with all its backends."""
        return Stopwatch(
            app=lambda: own_cpu(self.pid),
            worker=lambda: tree_cpu(self.worker_pid),
            postgres=lambda: tree_cpu(self.postgres_pid),
            client=time.process_time,
        )

    @contextmanager
    def worker_held(self) -> Iterator[None]:
        """The worker stands still meanwhile, so that what PostgreSQL does for requests can be told apart."""
        os.kill(self.worker_pid, signal.SIGSTOP)
        try:
            yield
        finally:
            self._let_worker_go_on()

    def _let_worker_go_on(self) -> None:
        if self.worker_pid:
            with suppress(ProcessLookupError):
                os.kill(self.worker_pid, signal.SIGCONT)

    @property
    def owner_url(self) -> str:
        running = running_server(self.data)
        if running is None:
            raise CannotStart(f"PostgreSQL does not run on {self.data}.")
        return running.owner_url(DATABASE)

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[Any]]:
        """As the owner of everything, whom row-level security does not bind."""
        with psycopg.connect(self.owner_url, autocommit=True, connect_timeout=10) as connection:
            yield connection

    def command(self, *words: str) -> Any:
        """What one of the operator's commands says in JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "chandlery.app.commands", *words, "--data", str(self.data)],
            env=_clean_environment(),
            check=True,
            stdout=subprocess.PIPE,
            timeout=120,
        )
        return json.loads(done.stdout)


def spawn_python(
    module: str, *arguments: str, stdout: int, stderr: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """As `children.spawn_python`: a process that calls `die_with_parent` first. Ours has a log of its own."""
    must_be_main_thread()
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**_clean_environment(), PARENT_VARIABLE: str(os.getpid())},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def _clean_environment() -> dict[str, str]:
    """Without settings of the caller's: what is measured is what everybody gets."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CHANDLERY_")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_answering(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CannotStart(f"The server to be measured ended with status {process.returncode}.")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        connection.close()
        time.sleep(0.02)
    raise CannotStart(f"The server to be measured was not ready after {_READY_SECONDS} seconds.")


def count_of(connection: psycopg.Connection[Any], query: LiteralString, *params: Any) -> int:
    """The one number that a query answers."""
    row = connection.execute(query, params).fetchone()
    assert row is not None
    return int(row[0])


def _the_one(children: dict[int, str], word: str) -> int:
    found = [pid for pid, command in children.items() if word in command]
    if len(found) != 1:
        raise CannotStart(f"One child with {word!r} was expected; the children are {children}.")
    return found[0]
