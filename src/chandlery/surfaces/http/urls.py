"""Where the outside finds us: every absolute URL that we write down comes from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PublicUrls:
    """`origin` is what callers type before any path; a surface in `hosts` has an origin (and prefix) of its own."""

    origin: str = "http://localhost:8080"
    hosts: Mapping[str, str] = field(default_factory=dict)

    def of(self, surface: str, base: str, path: str = "") -> str:
        """The absolute URL of `path` on a surface that hangs at `base` unless it has a host of its own."""
        return self.hosts.get(surface, self.origin.rstrip("/") + base).rstrip("/") + path
