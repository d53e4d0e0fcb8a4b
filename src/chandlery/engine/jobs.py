"""Durable work, as the rooms see it: a job is a task's name, some ids, and a lock; a timer is a job with a due date.

A unit of work stores its jobs in the transaction of the change that wants them, so there is nothing to relay and
nothing to lose between the two. Arguments are ids only: whoever runs the job reads the truth under its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from chandlery.kernel.events import Event


@dataclass(frozen=True, slots=True)
class Job:
    """Run `task` with `args` (ids as text) once `due` has come on the tenant's clock; None means now.

    Jobs with the same `lock` run one after the other. Of jobs with the same `key`, only one waits at a time: a
    second is dropped while the first has not started.
    """

    task: str
    args: Mapping[str, str] = field(default_factory=dict)
    lock: str | None = None
    key: str | None = None
    due: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {"task": self.task, "args": self.args, "lock": self.lock, "key": self.key, "due": self.due}


Triggers: TypeAlias = Mapping[str, Callable[[Event], Job | None]]
"""Which event type starts which job, in the transaction of the event."""
