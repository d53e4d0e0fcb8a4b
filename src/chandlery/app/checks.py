"""What has to be in order for the server to be ready. A check raises when its part is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from chandlery.engine.statements import one, scalar
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.errors import Unavailable


class SchemaMissing(Unavailable):
    """The database has no schema yet; run chandlery migrate."""


def readiness(engine: Engine) -> Mapping[str, Callable[[], Awaitable[None]]]:
    async def database() -> None:
        await engine.look_up(one("SELECT scope_is_system()", (), scalar, SchemaMissing))

    return {"database": database}
