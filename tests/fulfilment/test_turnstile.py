"""Who may call a provider now, when the others come back, and when it is left alone: nouns, and no waiting."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.fulfilment.circuit import FIRST_OPENING, LONGEST_OPENING, Circuit
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.fulfilment.turnstile import CALLED_AT_ONCE, Turnstile, Verdict
from chandlery.kernel.ids import OrderId, ProvisioningId, new_id
from tests.conftest import NOW
from tests.fulfilment.subjects import a_setup

SECOND = timedelta(seconds=1)
ORDER = OrderId(new_id())


def a_turnstile(**limits: Any) -> Turnstile:
    return Turnstile(a_setup(**limits), Circuit(), None, {})


def a_line() -> ProvisioningId:
    return ProvisioningId(new_id())


def comes(turnstile: Turnstile, line: ProvisioningId, now: datetime = NOW) -> Verdict:
    return turnstile.enter(line, ORDER, now)


def test_without_limits_everybody_enters_and_nothing_is_kept() -> None:
    turnstile = a_turnstile()
    for _ in range(50):
        verdict = comes(turnstile, a_line())
        assert (verdict.due, verdict.turnstile) == (None, turnstile)


def test_so_many_call_at_once_and_the_next_comes_back_when_a_place_must_be_free() -> None:
    turnstile, lease = a_turnstile(concurrency=2), a_setup().lease
    assert lease == 16 * SECOND  # 10 to answer, 1 for us to be told, 5 for what was cut off
    inside = [a_line(), a_line()]
    for line in inside:
        verdict = comes(turnstile, line)
        assert verdict.due is None
        turnstile = verdict.turnstile
    dues, reasons = [], set()
    for _ in range(5):
        verdict = comes(turnstile, a_line())
        turnstile = verdict.turnstile
        dues.append((verdict.due or NOW) - NOW)
        reasons.add(verdict.reason)
    assert dues == [lease, lease, 2 * lease, 2 * lease, 3 * lease]  # two at a time, never all at once
    assert reasons == {"The vendor takes 2 calls at once, and these are under way."}


def test_whoever_leaves_calls_in_as_many_as_there_is_room_for() -> None:
    turnstile = a_turnstile(concurrency=1)
    first, orders = a_line(), [OrderId(new_id()) for _ in range(3)]
    turnstile = comes(turnstile, first).turnstile
    for second, order in enumerate(orders):
        turnstile = turnstile.enter(a_line(), order, NOW + second * SECOND).turnstile
    assert turnstile.to_call(NOW + 5 * SECOND) == []
    left = turnstile.leave(first)
    assert left.to_call(NOW + 5 * SECOND) == [orders[0]]
    assert left.waiting == 3


def test_a_place_whose_worker_died_is_free_when_its_lease_has_ended() -> None:
    turnstile = comes(a_turnstile(concurrency=1), a_line()).turnstile
    assert comes(turnstile, a_line(), NOW + 15 * SECOND).due is not None
    assert comes(turnstile, a_line(), NOW + 16 * SECOND).due is None


def test_a_line_that_comes_again_does_not_stand_in_its_own_way() -> None:
    line = a_line()
    turnstile = comes(a_turnstile(concurrency=1), line).turnstile
    assert comes(turnstile, line).due is None


def test_a_rate_reserves_a_start_for_each_and_nobody_comes_back_in_vain() -> None:
    turnstile, lines = a_turnstile(calls_per_minute=60), [a_line() for _ in range(4)]
    dues = {}
    for line in lines:
        verdict = comes(turnstile, line)
        turnstile, dues[line] = verdict.turnstile, verdict.due
    assert list(dues.values()) == [None, NOW + SECOND, NOW + 2 * SECOND, NOW + 3 * SECOND]
    early = comes(turnstile, lines[2], NOW + SECOND)
    assert early.due == NOW + 2 * SECOND  # its start stays reserved
    for line in lines[1:]:
        verdict = comes(turnstile, line, dues[line] or NOW)
        assert verdict.due is None
        turnstile = verdict.turnstile
    assert comes(turnstile, a_line(), NOW + 3 * SECOND).due == NOW + 4 * SECOND
    assert comes(turnstile, a_line(), NOW + 60 * SECOND).due is None


def test_a_start_that_was_missed_by_far_is_reserved_anew() -> None:
    turnstile, line = a_turnstile(calls_per_minute=60), a_line()
    turnstile = comes(turnstile, a_line()).turnstile
    turnstile = comes(turnstile, line).turnstile
    turnstile = comes(turnstile, a_line(), NOW + 30 * SECOND).turnstile
    assert comes(turnstile, line, NOW + 30 * SECOND).due == NOW + 31 * SECOND


@given(
    st.integers(0, 3),
    st.sampled_from([0, 30, 600]),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.booleans()), max_size=60),
)
def test_whatever_comes_and_goes_limits_hold_and_everybody_has_a_time_to_come_back(
    concurrency: int, calls_per_minute: int, moves: list[tuple[int, int, bool]]
) -> None:
    turnstile = a_turnstile(concurrency=concurrency, calls_per_minute=calls_per_minute)
    lines, now, inside = [a_line() for _ in range(10)], NOW, dict[ProvisioningId, datetime]()
    for seconds, number, comes_in in moves:
        now, line = now + seconds * SECOND, lines[number]
        inside = {key: end for key, end in inside.items() if end > now}
        if not comes_in:
            turnstile = turnstile.leave(line)
            inside.pop(line, None)
            continue
        verdict = comes(turnstile, line, now)
        turnstile = verdict.turnstile
        inside.pop(line, None)
        if verdict.due is None:
            inside[line] = now + turnstile.setup.lease
        else:
            assert verdict.due > now
            assert verdict.reason
        assert not concurrency or len(inside) <= concurrency
        assert turnstile.waiting == sum(turn.held_until is None for turn in turnstile.turns.values())


def test_the_circuit_opens_after_so_many_in_a_row_and_not_before() -> None:
    circuit = Circuit()
    for _ in range(4):
        circuit = circuit.went_wrong("down", NOW, trips_after=5)
    assert (circuit.state(NOW), circuit.went_well()) == ("closed", Circuit())
    circuit = circuit.went_wrong("down", NOW, trips_after=5)
    assert (circuit.state(NOW), circuit.open_until) == ("open", NOW + FIRST_OPENING)
    assert circuit.state(NOW + FIRST_OPENING) == "half_open"


def test_half_open_one_call_tries_and_the_others_wait_for_it() -> None:
    circuit = Circuit(failures=5, openings=1, open_until=NOW, trouble="down")
    turnstile = Turnstile(a_setup(), circuit, None, {})
    first = comes(turnstile, a_line())
    assert first.due is None
    second = comes(first.turnstile, a_line())
    assert (second.due, second.reason) == (
        NOW + a_setup().lease,
        "The vendor is left alone until 2026-11-20T12:00:16Z: down",
    )
    assert comes(first.turnstile, a_line(), NOW + a_setup().lease).due is None  # its worker died


def test_each_opening_is_twice_as_long_up_to_a_limit_and_a_call_that_goes_well_ends_it() -> None:
    circuit, now, waits = Circuit(), NOW, []
    for _ in range(8):
        circuit = circuit.went_wrong("down", now, trips_after=1)
        waits.append((circuit.open_until or now) - now)
        now = circuit.open_until or now
    assert waits == [FIRST_OPENING * factor for factor in (1, 2, 4, 8, 16)] + [LONGEST_OPENING] * 3
    assert circuit.went_well() == Circuit()


def test_calls_that_were_under_way_when_it_opened_are_no_news() -> None:
    circuit = Circuit(failures=5, openings=1, open_until=NOW + FIRST_OPENING)
    late = circuit.went_wrong("down", NOW, trips_after=5)
    assert (late.open_until, late.openings, late.failures) == (circuit.open_until, 1, 6)


def test_while_it_is_open_lines_come_back_one_after_the_other() -> None:
    turnstile = Turnstile(a_setup(), Circuit(5, 1, NOW + FIRST_OPENING, None, "down"), None, {})
    dues = []
    for _ in range(3):
        verdict = comes(turnstile, a_line())
        turnstile = verdict.turnstile
        dues.append(verdict.due)
    assert dues == [NOW + FIRST_OPENING + seconds * SECOND for seconds in range(3)]
    assert turnstile.to_call(NOW) == []


def test_when_it_closes_those_that_wait_are_called_in_some_at_a_time() -> None:
    turnstile = Turnstile(a_setup(), Circuit(5, 1, NOW + FIRST_OPENING), None, {})
    for _ in range(CALLED_AT_ONCE + 5):
        turnstile = turnstile.enter(a_line(), OrderId(new_id()), NOW).turnstile
    closed = Turnstile(turnstile.setup, Circuit(), None, turnstile.turns, turnstile.waiting)
    assert len(closed.to_call(NOW + SECOND)) == CALLED_AT_ONCE


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({}, []),
        ({"name": "Harbour"}, ["name"]),
        ({"name": "manual"}, ["name"]),
        ({"name": "-a"}, ["name"]),
        ({"name": "a" * 61}, ["name"]),
        ({"url": None}, ["url"]),
        ({"kind": "manual"}, ["url"]),
        ({"concurrency": -1, "calls_per_minute": 60_001}, ["concurrency", "calls_per_minute"]),
        ({"timeout_seconds": 0, "trips_after": 0}, ["timeout_seconds", "trips_after"]),
        ({"timeout_seconds": 61}, ["timeout_seconds"]),
    ],
)
def test_everything_that_is_wrong_with_a_setup_is_named_at_once(
    said: dict[str, Any], fields: list[str]
) -> None:
    setup = a_setup(**{"url": "https://vendor.example", **said})
    assert [problem.field for problem in setup.problems()] == fields


def test_a_provider_with_its_own_patience_is_asked_about_later() -> None:
    policy = a_setup(timeout_seconds=30).policy(RetryPolicy())
    assert (policy.call_timeout, policy.lease) == (31 * SECOND, 36 * SECOND)
