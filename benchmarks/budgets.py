"""What is allowed, beside what was found. A figure that was not taken has met nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.figures import rounded


@dataclass(frozen=True, slots=True)
class Budget:
    name: str
    value: float | None
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        value = None if self.value is None else rounded(self.value, 4)
        return {"name": self.name, "value": value, "limit": self.limit, "met": self.met} | (
            {"measured": False} if self.value is None else {}
        )
