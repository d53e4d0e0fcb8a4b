"""A PostgreSQL of our own, for those who have none: made, started and stopped with the server that needs it.

Linux and macOS. The programs come from a wheel; the life cycle is ours and rests on three ties.

* PostgreSQL is our direct child and shuts down when we die, however we die (`children`).
* A lock on `postgres.lock`, held by us alone, says who owns the data directory. A second server
  is told at once.
* A lock on the cluster's directory is inherited by PostgreSQL and all its processes. While any of them is
  left of an owner that was killed, the next start waits for it; once the lock is ours, a `postmaster.pid`
  names nobody of ours, whoever carries that process number now.

    <data directory>/postgres/       the cluster
                     postgres.log    what PostgreSQL says; put aside as postgres.log.1 at a start beyond 1 MiB
                     postgres.lock   process number of the owner, and the run directory with the socket

Nobody can log in over the network; over the socket only the system user that started the server can.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from chandlery.engine import _postgres_cluster as on_disk
from chandlery.engine.children import KERNEL_TIES, CannotStart, must_be_main_thread, signal_at_our_end, stop

_SOCKET_NAME = ".s.PGSQL.5432"
_POLL_SECONDS = 0.01
_START_TIMEOUT_SECONDS = 120  # recovery after a crash reads the write-ahead log first
_LEFTOVER_PATIENCE_SECONDS = 10
_FAST_SHUTDOWN_SECONDS = 20
_IMMEDIATE_SHUTDOWN_SECONDS = 5
_LOG_BYTES = 1 << 20
_LOG_TAIL_BYTES = 3_000


@dataclass(frozen=True, slots=True)
class Server:
    """How to reach a running embedded PostgreSQL."""

    socket_directory: Path

    def url(self, database: str, role: str) -> str:
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql:///{quote(database, safe='')}?host={host}&port=5432&user={quote(role, safe='')}"

    def owner_url(self, database: str) -> str:
        """For the owner of everything, a superuser: migrations and administration."""
        return self.url(database, on_disk.OWNER)

    def create_database(self, name: str) -> bool:
        """False when it was there already."""
        with psycopg.connect(self.owner_url("postgres"), autocommit=True, connect_timeout=10) as connection:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except psycopg.errors.DuplicateDatabase:
                return False
        return True


def running_server(data_directory: Path) -> Server | None:
    """The server that another process runs on this data directory, if any. Neither starts nor stops it."""
    try:
        with (data_directory / "postgres.lock").open() as lock:
            if _lock(lock.fileno(), fcntl.LOCK_SH):
                return None
            lines = lock.read().splitlines()
    except FileNotFoundError:
        return None
    return Server(Path(lines[1])) if len(lines) > 1 else None


class EmbeddedPostgres:
    """`start` again brings back a PostgreSQL that died, at the same address; `stop` may be called twice."""

    def __init__(
        self, data_directory: Path, version: int = 16, settings: Mapping[str, str] | None = None
    ) -> None:
        self._data = data_directory.absolute()
        self._cluster = self._data / "postgres"
        self._log = self._data / "postgres.log"
        self._version = version
        self._settings = dict(settings or {})
        self._lock_fd: int | None = None
        self._run: Path | None = None
        self._earlier_run: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process number of a PostgreSQL that is alive."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> Server:
        must_be_main_thread()
        if self.pid is not None and self._run is not None:
            return Server(self._run)
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> Server:
        self._own_data_directory()
        account = on_disk.account_for(self._cluster)
        if self._cluster.exists():
            self._outlast_leftovers()
        if self._run is None:
            self._run = on_disk.make_run_directory(account)
            self._note_run_directory(self._run)
        programs = on_disk.runnable(on_disk.installation(self._version), account, self._run)
        if not self._cluster.exists():
            on_disk.create_cluster(self._cluster, programs, account)
        on_disk.check_version(self._cluster, self._version)
        self._forget_stale_numbers(self._run)
        self._launch(programs, account, self._run)
        server = Server(self._run)
        self._wait_until_ready(server)
        return server

    def stop(self) -> None:
        if self._watcher is not None:
            stop(self._watcher)
            self._watcher = None
        if self._process is not None:
            stop(
                self._process,
                (signal.SIGINT, _FAST_SHUTDOWN_SECONDS),
                (signal.SIGQUIT, _IMMEDIATE_SHUTDOWN_SECONDS),
            )
            self._process = None
        if self._run is not None:
            shutil.rmtree(self._run, ignore_errors=True)
            self._run = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def _own_data_directory(self) -> None:
        if self._lock_fd is not None:
            return
        try:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock_fd = os.open(self._data / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(
                f"The data directory cannot be written ({error}); make it writable or choose another."
            ) from error
        lines = os.pread(lock_fd, 4096, 0).decode(errors="replace").splitlines()
        if not _lock(lock_fd, fcntl.LOCK_EX):
            os.close(lock_fd)
            raise CannotStart(
                f"{self._data} is in use by the server with process number {(lines or ['(starting)'])[0]}; "
                "stop that one or choose another data directory."
            )
        self._lock_fd = lock_fd
        if len(lines) > 1 and Path(lines[1]).name.startswith(on_disk.RUN_PREFIX):  # its owner was killed
            self._earlier_run = Path(lines[1])

    def _note_run_directory(self, run: Path) -> None:
        assert self._lock_fd is not None
        note = f"{os.getpid()}\n{run}\n".encode()
        os.pwrite(self._lock_fd, note, 0)
        os.ftruncate(self._lock_fd, len(note))

    def _outlast_leftovers(self) -> None:
        """Waits until no process of an earlier PostgreSQL is left, and asks a postmaster among them to go."""
        cluster_fd = os.open(self._cluster, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if not any(self._gone_after(request, cluster_fd) for request in (signal.SIGINT, signal.SIGQUIT)):
                raise CannotStart(
                    f"An earlier PostgreSQL still works on {self._cluster}; end its processes first."
                )
        finally:
            os.close(cluster_fd)
        if self._earlier_run is not None:
            shutil.rmtree(self._earlier_run, ignore_errors=True)
            self._earlier_run = None

    def _gone_after(self, request: signal.Signals, cluster_fd: int) -> bool:
        if _lock(cluster_fd, fcntl.LOCK_EX):
            return True
        pid, run = self._noted_pid(), self._run or self._earlier_run
        if pid is not None and run is not None and str(run) in _command_line(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, request)
        deadline = time.monotonic() + _LEFTOVER_PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if _lock(cluster_fd, fcntl.LOCK_EX):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _noted_pid(self) -> int | None:
        try:
            return int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def _forget_stale_numbers(self, run: Path) -> None:
        """PostgreSQL believes any living process whose number is in its lock files; we know better."""
        pid = self._noted_pid()
        if pid is not None and str(self._cluster) in _command_line(pid):
            raise CannotStart(
                f"A PostgreSQL that is not ours (process {pid}) works on {self._cluster}; stop it first."
            )
        for stale in (self._cluster / "postmaster.pid", run / _SOCKET_NAME, run / f"{_SOCKET_NAME}.lock"):
            stale.unlink(missing_ok=True)

    def _launch(self, programs: Path, account: on_disk.Account, run: Path) -> None:
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_name("postgres.log.1"))
        cluster_fd = os.open(self._cluster, os.O_RDONLY | os.O_DIRECTORY)
        log_fd = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _lock(cluster_fd, fcntl.LOCK_EX)  # PostgreSQL inherits it; nobody is left who could hold it
            self._process = subprocess.Popen(
                on_disk.server_command(
                    programs, account.address_of(self._cluster, cluster_fd), run, self._settings
                ),
                stdout=log_fd,
                stderr=log_fd,
                pass_fds=(cluster_fd,),
                **account.popen_options(signal.SIGINT),
            )
        finally:
            os.close(cluster_fd)
            os.close(log_fd)
        if not KERNEL_TIES:
            self._watcher = signal_at_our_end(self._process.pid, signal.SIGINT)

    def _wait_until_ready(self, server: Server) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while self.pid is not None and time.monotonic() < deadline:
            with suppress(psycopg.OperationalError):
                psycopg.connect(server.owner_url("postgres"), connect_timeout=5).close()
                return
            time.sleep(_POLL_SECONDS)
        raise CannotStart(f"PostgreSQL did not start. {self._log} ends with:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")


def _lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _command_line(pid: int) -> str:
    """Empty when there is no such process."""
    if sys.platform != "linux":
        listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
        return listing.stdout.decode(errors="replace")
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
