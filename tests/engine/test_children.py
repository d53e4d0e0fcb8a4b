from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from chandlery.engine.children import must_be_main_thread, signal_at_our_end, stop
from tests.engine.processes import end, eventually, is_gone, line_of, python

# Both programs end by themselves at the end of their input; the tests kill them before.
CHILD = """
import os, time
from chandlery.engine.children import die_with_parent
die_with_parent()
print(os.getpid(), os.environ.get("CHANDLERY_PARENT_PID"), os.environ.get("WISH"), flush=True)
time.sleep(600)
"""
PARENT = """
import pathlib, sys, tempfile
from chandlery.engine.children import spawn_python
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "the_child.py").write_text(sys.argv[1])
    sys.path.insert(0, folder)
    child = spawn_python("the_child", environment={"PYTHONPATH": folder + ":" + sys.argv[2], "WISH": "granted"})
    sys.stdin.read()
    print(child.poll(), flush=True)
"""
WATCHED = """
import subprocess, signal, sys
from chandlery.engine.children import signal_at_our_end
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
watcher = signal_at_our_end(child.pid, signal.SIGINT)
print(child.pid, watcher.pid, flush=True)
sys.stdin.read()
"""


def a_sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"])


def test_a_spawned_child_dies_when_its_parent_is_killed() -> None:
    parent = python(PARENT, CHILD, os.pathsep.join(path for path in sys.path if path))
    pid, inherited, wish = line_of(parent).split()
    assert not is_gone(int(pid))
    assert (inherited, wish) == ("None", "granted")  # its own children do not take it for their parent
    end(parent)
    assert eventually(lambda: is_gone(int(pid)))


def test_a_program_started_by_hand_does_not_die_with_its_parent() -> None:
    child = python(CHILD.replace("time.sleep(600)", "input()"))
    assert line_of(child).split()[0] == str(child.pid)
    assert child.poll() is None
    end(child)


def test_a_child_whose_parent_is_already_gone_ends_at_once() -> None:
    child = python('import os\nos.environ["CHANDLERY_PARENT_PID"] = "1000000000"\n' + CHILD)
    assert child.wait(30) == 1
    end(child)


def test_without_a_tie_in_the_kernel_a_watcher_ends_the_child_of_a_killed_parent() -> None:
    parent = python(WATCHED)
    child_pid, watcher_pid = (int(pid) for pid in line_of(parent).split())
    end(parent)
    assert eventually(lambda: is_gone(child_pid))
    assert eventually(lambda: is_gone(watcher_pid))


def test_a_watcher_that_is_stopped_signals_nobody() -> None:
    sleeper = a_sleeper()
    stop(signal_at_our_end(sleeper.pid, signal.SIGINT))
    assert sleeper.poll() is None
    assert stop(sleeper) == -signal.SIGKILL


def test_stopping_asks_first_and_insists_then() -> None:
    willing, deaf = (
        a_sleeper(),
        python("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint()\ninput()"),
    )
    line_of(deaf)
    assert stop(willing, (signal.SIGTERM, 30)) == -signal.SIGTERM
    assert stop(willing, (signal.SIGTERM, 30)) == -signal.SIGTERM
    assert stop(deaf, (signal.SIGTERM, 0.1)) == -signal.SIGKILL
    end(deaf)


def test_children_are_started_by_the_main_thread_only() -> None:
    refusals: list[str] = []

    def from_elsewhere() -> None:
        with pytest.raises(RuntimeError, match="main thread") as refusal:
            must_be_main_thread()
        refusals.append(str(refusal.value))

    thread = threading.Thread(target=from_elsewhere)
    thread.start()
    thread.join()
    assert len(refusals) == 1
