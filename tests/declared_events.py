"""What a test run has emitted, compared with what the event catalogue declares."""

from __future__ import annotations

import psycopg

from chandlery.processes.event_catalogue import CATALOGUE

# Nouns that only tests know: the machinery is shown with things, and not with orders.
OF_TESTS_ALONE = ("thing", "other")


def misfits(url: str) -> list[str]:
    """Every type that was emitted and not declared, and all data that its declaration does not describe."""
    with psycopg.connect(url) as owner:
        emitted = owner.execute(
            "SELECT DISTINCT ON (type, shape) type, data FROM ("
            " SELECT type, data, (SELECT jsonb_object_agg(key, jsonb_typeof(value)) FROM jsonb_each(data)) AS shape"
            " FROM events WHERE subject <> ALL (%s)) e",
            (list(OF_TESTS_ALONE),),
        ).fetchall()
    undeclared = [f"{name} is not declared" for name in CATALOGUE.undeclared(name for name, _ in emitted)]
    return undeclared + [
        f"{name}: {misfit}"
        for name, data in emitted
        if name in CATALOGUE and (misfit := CATALOGUE.misfit(name, data))
    ]
