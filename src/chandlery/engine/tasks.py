"""The shape of what runs a job, and of what runs again and again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.ids import TenantId

Task: TypeAlias = Callable[[Engine, TenantId, Mapping[str, str]], Awaitable[None]]
"""What runs a job. It may run twice and at any time after it was due; it makes that harmless."""

PeriodicTask: TypeAlias = Callable[[Engine], Awaitable[None]]
"""What runs again and again for all tenants (sweeps); it looks up the tenants that have something to do."""
