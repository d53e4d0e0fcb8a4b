"""CPU and memory of processes, read from what Linux says."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.accounting import Stopwatch, Usage, all_usages, parse_pss, parse_stat, tree_cpu, tree_of

TICK = os.sysconf("SC_CLK_TCK")


def test_a_command_with_blanks_and_brackets_does_not_shift_the_fields() -> None:
    line = f"42 (a b) c) S 7 1 1 0 -1 4 0 0 0 0 {2 * TICK} {TICK} {5 * TICK} {3 * TICK} 20 0 1 0 99"
    assert parse_stat(line) == Usage(pid=42, parent_pid=7, own_seconds=3.0, reaped_seconds=8.0)


def test_a_tree_is_a_process_and_all_below_it() -> None:
    root, child, grandchild, stranger = (
        Usage(n, parent, 0, 0) for n, parent in ((1, 0), (2, 1), (3, 2), (9, 0))
    )
    assert tree_of(1, [grandchild, stranger, child, root]) == [root, child, grandchild]


def test_a_process_that_is_gone_has_no_tree() -> None:
    assert tree_of(5, [Usage(1, 0, 1.0, 1.0)]) == []


def test_this_process_is_among_all() -> None:
    assert os.getpid() in {usage.pid for usage in all_usages()}


def test_what_an_ended_child_used_is_not_lost() -> None:
    before = tree_cpu(os.getpid())
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", burn], check=True, timeout=60)
    assert tree_cpu(os.getpid()) - before >= 0.1


def test_pss_is_told_in_mebibytes() -> None:
    assert parse_pss("55d0-7ffe ---p 0 [rollup]\nRss:  9000 kB\nPss:  2048 kB\nPss_Anon:  1024 kB\n") == 2.0


def test_each_lap_begins_where_the_last_one_ended() -> None:
    readings = iter([1.0, 1.5, 4.5])
    stopwatch = Stopwatch(app=lambda: next(readings))
    assert [stopwatch.lap(), stopwatch.lap()] == [{"app": 0.5}, {"app": 3.0}]
