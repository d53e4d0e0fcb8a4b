"""A fault says what went wrong by its class: the name is the code, the docstring the message."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import chandlery
from chandlery.kernel.errors import (
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    Limited,
    NotFound,
    PermissionMissing,
    Problem,
    Unauthenticated,
    Unavailable,
)

FAULTS = (Invalid, Unauthenticated, Forbidden, NotFound, Conflict, Limited, Unavailable)


class ShipTooLarge(Invalid):
    """This ship does not fit the harbour;
    choose a smaller one.

    What follows is for readers of the code.
    """


def test_code_and_message_come_from_the_class() -> None:
    assert ShipTooLarge.code() == "ship_too_large"
    assert ShipTooLarge.message() == "This ship does not fit the harbour; choose a smaller one."


def test_what_was_given_is_repeated_but_not_at_any_length() -> None:
    assert ShipTooLarge(given="Vasa").detail == f"{ShipTooLarge.message()} Given: Vasa."
    assert len(ShipTooLarge(given="x" * 10_000).detail) < 300


def test_all_problems_travel_with_the_fault() -> None:
    problems = (Problem("a", "one"), Problem("b", "two"))
    assert ShipTooLarge(*problems).problems == problems


def test_a_missing_permission_names_itself() -> None:
    refused = PermissionMissing("orders:write")
    assert refused.facts == {"permission": "orders:write"}
    assert "orders:write" in refused.detail


def _every_fault() -> list[type[Fault]]:
    for module in pkgutil.walk_packages(chandlery.__path__, "chandlery."):
        if not module.name.startswith("chandlery.migrations"):
            importlib.import_module(module.name)
    found: list[type[Fault]] = []
    waiting: list[type[Fault]] = [Fault]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        found += [one for one in subclasses if one.__module__.startswith("chandlery.")]
        waiting += subclasses
    return sorted(set(found) - set(FAULTS), key=lambda one: one.__qualname__)


@pytest.fixture(scope="module")
def faults() -> list[type[Fault]]:
    return _every_fault()


def test_every_fault_of_the_house_has_a_message_of_its_own(faults: list[type[Fault]]) -> None:
    assert len(faults) > 50
    without = [one.__qualname__ for one in faults if not (one.__doc__ or "").strip()]
    assert without == []


def test_every_fault_is_one_of_the_seven(faults: list[type[Fault]]) -> None:
    others = [one.__qualname__ for one in faults if not issubclass(one, FAULTS)]
    assert others == ["InternalError"], "only a bug of ours is none of the seven"


def test_no_two_faults_share_a_code(faults: list[type[Fault]]) -> None:
    """Clients depend on the code, so one code means one thing."""
    codes = [one.code() for one in faults if not inspect.isabstract(one)]
    assert sorted({code for code in codes if codes.count(code) > 1}) == []
