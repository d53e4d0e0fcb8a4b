"""CPU seconds and memory of processes, as Linux counts them in /proc."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process has used itself, and what its children used that have ended and been waited for."""

    pid: int
    parent_pid: int
    own_seconds: float
    reaped_seconds: float


def parse_stat(text: str) -> Usage:
    """A line of /proc/<pid>/stat; the command in it may hold blanks and brackets."""
    pid, _, rest = text.partition(" ")
    fields = rest.rpartition(")")[2].split()
    user, system, reaped_user, reaped_system = (int(field) / _TICKS_PER_SECOND for field in fields[11:15])
    return Usage(int(pid), int(fields[1]), user + system, reaped_user + reaped_system)


def all_usages() -> Iterator[Usage]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                yield parse_stat((entry / "stat").read_text())


def tree_of(root: int, everyone: Iterable[Usage]) -> list[Usage]:
    """The process and all below it that live."""
    by_pid = {usage.pid: usage for usage in everyone}
    tree = {root} & by_pid.keys()
    while more := {pid for pid, usage in by_pid.items() if usage.parent_pid in tree} - tree:
        tree |= more
    return [by_pid[pid] for pid in sorted(tree)]


def own_cpu(pid: int) -> float:
    """CPU seconds of one process with all its threads, without its children."""
    return parse_stat(Path(f"/proc/{pid}/stat").read_text()).own_seconds


def tree_cpu(root: int) -> float:
    """CPU seconds of a process and of all that it ever started, whether that lives or was waited for."""
    return sum(usage.own_seconds + usage.reaped_seconds for usage in tree_of(root, all_usages()))


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def pss_mib(pid: int) -> float:
    """Proportional memory: what is shared is divided among those who share it."""
    return parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text())


def parse_pss(text: str) -> float:
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no Pss in smaps_rollup")


class Stopwatch:
    """CPU seconds by name, between its start and each `lap`."""

    def __init__(self, **readings: Callable[[], float]) -> None:
        self._readings = readings
        self._before = self._read()

    def lap(self) -> dict[str, float]:
        now = self._read()
        used = {name: now[name] - before for name, before in self._before.items()}
        self._before = now
        return used

    def _read(self) -> dict[str, float]:
        return {name: read() for name, read in self._readings.items()}
