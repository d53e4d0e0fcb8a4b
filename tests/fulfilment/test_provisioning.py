"""One line's way through a provider: what each answer makes of it, and what is never done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.fulfilment.errors import NothingToDecide
from chandlery.fulfilment.port import Accepted, Done, Failed, Outcome, Refused, Unknown
from chandlery.fulfilment.provisioning import Begin, Provisioning, State, Step, first_attempt
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ProvisioningId, new_id
from tests.conftest import NOW

POLICY = RetryPolicy()
ANY_OUTCOME = st.one_of(
    st.builds(Done, st.just("V-1")),
    st.builds(Accepted, st.just("V-1")),
    st.builds(Refused, st.just("no")),
    st.builds(Failed, st.just("broken")),
    st.builds(Unknown, st.just("lost")),
    st.none(),
)


def a_provisioning() -> Provisioning:
    line = Begin(OrderId(new_id()), LineId(new_id()), OrganizationId(new_id()), "sandbox")
    return first_attempt(ProvisioningId(new_id()), line, NOW)


def heard(p: Provisioning, outcome: Outcome | None, after: timedelta = timedelta(0)) -> Provisioning:
    now = NOW + after
    return p.never_seen(now, POLICY) if outcome is None else p.answered(outcome, now, POLICY)


@pytest.mark.parametrize(
    ("outcome", "state", "next_step"),
    [
        (Done("V-1"), State.DONE, Step.WAIT),
        (Accepted("V-1"), State.ACCEPTED, Step.ASK),
        (Refused("no"), State.REFUSED, Step.WAIT),
        (Failed("broken"), State.RETRYING, Step.SEND),
        (Unknown("lost"), State.UNKNOWN, Step.ASK),
    ],
)
def test_each_outcome_decides_what_comes_next(outcome: Outcome, state: State, next_step: Step) -> None:
    after = heard(a_provisioning(), outcome)
    assert (after.state, after.next_step(NOW)) == (state, Step.WAIT)
    assert after.next_step(NOW + timedelta(days=1)) is next_step


def test_a_request_found_in_flight_is_asked_about_and_not_sent() -> None:
    assert a_provisioning().next_step(NOW) is Step.ASK


def test_a_denied_request_may_be_sent_again_only_when_none_can_still_arrive() -> None:
    early = heard(a_provisioning(), None, timedelta(seconds=1))
    assert (early.state, early.next_at) == (State.IN_FLIGHT, NOW + POLICY.lease)
    late = heard(early, None, POLICY.lease)
    assert late.next_step(NOW + POLICY.lease) is Step.SEND


def test_a_vendor_that_forgets_what_it_accepted_is_a_matter_for_a_person() -> None:
    forgotten = heard(heard(a_provisioning(), Accepted("V-1")), None, timedelta(days=1))
    assert forgotten.needs_operator


def test_a_vendor_that_cannot_be_asked_about_what_it_accepted_still_has_it() -> None:
    unheard = heard(heard(a_provisioning(), Accepted("V-1")), Unknown("down"))
    assert (unheard.state, unheard.reason) == (State.ACCEPTED, "down")


def test_what_was_accepted_and_failed_is_not_sent_again_by_itself() -> None:
    failed = heard(heard(a_provisioning(), Accepted("V-1")), Failed("out of stock"))
    assert failed.state is State.FAILED
    assert failed.needs_operator


def test_whatever_a_vendor_writes_can_be_kept() -> None:
    refused = heard(a_provisioning(), Refused("no\x00\ud800\n" + "x" * 5000))
    assert refused.reason == "no" + " " * 3 + "x" * 995
    done = heard(a_provisioning(), Done("V-1\x00"))
    assert done.vendor_reference == "V-1"


def test_nothing_changes_what_is_settled() -> None:
    done = heard(a_provisioning(), Done("V-1"))
    for outcome in (Refused("no"), Failed("no"), Unknown("no"), None):
        assert heard(done, outcome) == done


def test_a_person_decides_only_what_waits_for_one() -> None:
    with pytest.raises(NothingToDecide):
        a_provisioning().reopened(NOW)
    with pytest.raises(NothingToDecide):
        heard(a_provisioning(), Done("V-1")).decided(Refused("no"))
    refused = heard(a_provisioning(), Refused("no"))
    assert refused.reopened(NOW).next_step(NOW) is Step.SEND
    unknown = replace(heard(a_provisioning(), Unknown("lost")), next_at=None)
    assert unknown.reopened(NOW).next_step(NOW) is Step.ASK


@given(st.lists(ANY_OUTCOME, max_size=40))
def test_whatever_a_vendor_answers_tries_end_and_nothing_unknown_is_sent(
    outcomes: list[Outcome | None],
) -> None:
    found, now = a_provisioning(), NOW
    for outcome in outcomes:
        if found.is_settled:
            break
        was = found
        found = found.never_seen(now, POLICY) if outcome is None else found.answered(outcome, now, POLICY)
        if was.state is State.UNKNOWN and found.state is State.RETRYING:
            assert outcome is None or isinstance(outcome, Failed)  # only a vendor's word frees it to be sent
        assert found.needs_operator or found.is_settled or found.next_at is not None  # never simply forgotten
        if found.next_at is not None:
            now = max(now, found.next_at)
        if found.next_step(now) is Step.SEND:
            found = found.sent(now)
    assert found.attempts <= POLICY.most_attempts


def test_waiting_doubles_has_a_ceiling_and_is_the_same_for_the_same_attempt() -> None:
    waits = [POLICY.wait("a", tries) for tries in (1, 2, 3, 100)]
    assert waits == [POLICY.wait("a", tries) for tries in (1, 2, 3, 100)]
    for wait, least in zip(waits, (1, 2, 4, 600), strict=True):
        assert timedelta(seconds=least) <= wait <= timedelta(seconds=least * 1.25)
    assert POLICY.wait("a", 1, timedelta(minutes=5)) == timedelta(minutes=5)
    assert POLICY.wait("a", 3) != POLICY.wait("b", 3)
