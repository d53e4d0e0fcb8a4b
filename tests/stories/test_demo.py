"""`chandlery demo` as a person runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chandlery.app.demo.server import tree_below

pytestmark = pytest.mark.long

COMMAND = [sys.executable, "-m", "chandlery.app.commands", "demo"]
PATIENCE_SECONDS = 60


def test_the_main_job_goes_through() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "All as expected" in done.stdout
    for shown in ("line_retrying", "line_accepted", "SIGKILL for", "1 time"):
        assert shown in done.stdout


@pytest.mark.parametrize("last", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_demo_that_is_cut_short_leaves_nothing_running(last: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any("app.worker" in command for command in tree_below(demo.pid).values()):
            assert time.monotonic() < deadline, "the demo's server did not start"
            time.sleep(0.05)
        pids = list(tree_below(demo.pid))
        os.kill(demo.pid, last)
        assert demo.wait(PATIENCE_SECONDS) != 0
        while any(Path(f"/proc/{pid}/cmdline").exists() and _runs(pid) for pid in pids):
            assert time.monotonic() < deadline + PATIENCE_SECONDS, "a process outlived the demo"
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
