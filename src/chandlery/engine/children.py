"""Processes that we start and that must not outlive us, however we end.

A parent that is killed cannot tidy up, so the tie has to be in the kernel: on Linux the child asks for a
signal at the death of its parent (`PR_SET_PDEATHSIG`). Elsewhere a Python child watches its parent, and for
a program that is not ours a tiny shell waits for the end of a pipe that only we hold open.

The kernel's tie is to the *thread* that started the child, so children are started from the main thread only.
Each child has a session of its own: Ctrl-C reaches us alone, and we stop the children in the right order.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

PARENT_VARIABLE = "CHANDLERY_PARENT_PID"
KERNEL_TIES = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_WATCH_INTERVAL_SECONDS = 0.5
# Loaded here and not in `tie_to`: a freshly forked child should do as little as it can.
_libc = ctypes.CDLL(None, use_errno=True) if KERNEL_TIES else None


class CannotStart(Exception):
    """A part of the server cannot start; the message tells the operator why and what to do."""


def must_be_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start children from the main thread: they die with the thread that started them")


def tie_to(parent_pid: int, death: signal.Signals) -> Callable[[], None]:
    """What a forked child runs before it becomes another program; it gets `death` when the parent dies.

    It has to run after the child has changed its user, which clears the tie (`subprocess` keeps this order).
    """

    def tie() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death), 0, 0, 0)
        if os.getppid() != parent_pid:  # it died before the tie was made
            os._exit(1)

    return tie


def spawn_python(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Runs `python -m module arguments`; the module calls `die_with_parent()` before anything else."""
    must_be_main_thread()
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **(environment or {}), PARENT_VARIABLE: str(os.getpid())},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        start_new_session=True,
    )


def die_with_parent() -> None:
    """Ties this process to the parent that spawned it; does nothing for one that was started by hand.

    The signal is SIGKILL: a parent that could still say goodbye would have sent SIGTERM, and a process tree
    that was killed as a whole is a case that everything durable must survive anyway.
    """
    parent = os.environ.pop(PARENT_VARIABLE, None)
    if parent is None:
        return
    parent_pid = int(parent)
    if not KERNEL_TIES:
        threading.Thread(target=_watch_parent, args=(parent_pid,), daemon=True).start()
    tie_to(parent_pid, signal.SIGKILL)()


def _watch_parent(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_WATCH_INTERVAL_SECONDS)
    os._exit(1)


def signal_at_our_end(pid: int, death: signal.Signals) -> subprocess.Popen[bytes]:
    """A watcher for systems whose kernel has no tie: sends `death` to `pid` once this process is gone.

    End it with `stop` when `pid` has ended, so that the number never hits a stranger.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -"$1" "$0"', str(pid), str(int(death))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def stop(
    process: subprocess.Popen[bytes] | subprocess.Popen[str],
    *steps: tuple[signal.Signals, float],
    last_wait_seconds: float = 10,
) -> int:
    """Sends each step's signal and waits its seconds, then SIGKILL. Harmless when it has ended already."""
    try:
        for request, patience_seconds in steps:
            process.send_signal(request)
            with suppress(subprocess.TimeoutExpired):
                return process.wait(patience_seconds)
        process.kill()
        return process.wait(last_wait_seconds)
    finally:
        if process.stdin is not None:
            process.stdin.close()
