"""What a tenant has come to use, noted on its own row and read by the first statement of every unit.

Most tenants use only some of what there is. A hot path asks `unit.uses(...)`, which costs nothing, and looks only for
what can be there. Features are never taken away: at worst somebody looks and finds nothing.
"""

from __future__ import annotations

from chandlery.engine.unit_of_work import Unit
from chandlery.identity._store.organizations import note_feature


def come_to_use(unit: Unit, feature: str) -> None:
    """Note that the tenant uses something from now on, this unit included. Known after its first fetch."""
    if not unit.uses(feature):
        unit.write(note_feature(feature))
        unit.note_use(feature)
