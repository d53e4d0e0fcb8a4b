"""The http provider: what it says, what each answer means, and what is certain when none comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from chandlery.engine.outbound import Answer, HostUnreachable, Outbound
from chandlery.engine.signatures import new_key, secret_of
from chandlery.fulfilment.http.protocol import outcome_of, report_of
from chandlery.fulfilment.http.vendor import HttpVendor, HttpVendors
from chandlery.fulfilment.port import Accepted, Done, Failed, Outcome, Refused, Unknown
from chandlery.fulfilment.providers import NotSent, Providers
from chandlery.fulfilment.setup import Sealed
from chandlery.identity.secrets import MasterKey, Seal
from chandlery.kernel.clock import FixedClock, SystemClock
from tests.builders import Tenant
from tests.conftest import NOW
from tests.engine.receiver import a_receiver, answer
from tests.fulfilment.subjects import SEAL, a_setup, http_subject, requests_of

SECOND = timedelta(seconds=1)


def said(status: int = 200) -> Answer:
    return Answer(status, {}, b"{}")


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (said(status=200), Unknown("The vendor answered 200, and nothing that tells more.")),
        (Answer(200, {}, msgspec.json.encode({"status": "done", "vendor_reference": "V-1"})), Done("V-1")),
        (
            Answer(201, {}, b'{"status":"done","vendor_reference":"V-1","facts":{"key":"42"},"more":1}'),
            Done("V-1", {"key": "42"}),
        ),
        (
            Answer(200, {}, b'{"status":"done"}'),
            Unknown("The vendor answered that it is done, but not under which vendor_reference."),
        ),
        (Answer(202, {}, b'{"status":"accepted"}'), Accepted("", 60 * SECOND)),
        (
            Answer(202, {}, b'{"status":"accepted","vendor_reference":"V-1","poll_after_seconds":0}'),
            Accepted("V-1", SECOND),
        ),
        (
            Answer(202, {}, b'{"status":"accepted","poll_after_seconds":1e300}'),
            Accepted("", timedelta(days=7)),
        ),
        (Answer(200, {}, b'{"status":"refused","reason":"Not here."}'), Refused("Not here.")),
        (Answer(200, {}, b'{"status":"refused"}'), Refused("The vendor gave no reason.")),
        (
            Answer(200, {}, b'{"status":"failed","reason":"Busy.","retry_after_seconds":90}'),
            Failed("Busy.", 90 * SECOND),
        ),
        (
            Answer(200, {}, b'{"status":"failed","reason":"Busy.","retry_after_seconds":-5}'),
            Failed("Busy.", timedelta(0)),
        ),
        (Answer(200, {}, b'{"status":"unknown","reason":"Hm."}'), Unknown("Hm.")),
        (
            Answer(200, {}, b'{"status":"never_seen"}'),
            Unknown("The vendor answered 200, and nothing that tells more."),
        ),
        (Answer(204, {}, b""), Unknown("The vendor answered 204, and nothing that tells more.")),
        (Answer(200, {}, b"\xff"), Unknown("The vendor answered 200, and nothing that tells more.")),
        (Answer(200, {}, b"[" * 9999), Unknown("The vendor answered 200, and nothing that tells more.")),
        (Answer(400, {}, b'{"reason":"No such plan."}'), Refused("The vendor answered 400: No such plan.")),
        (Answer(422, {}, b'{"detail":"No such plan."}'), Refused("The vendor answered 422: No such plan.")),
        (Answer(402, {}, b""), Refused("The vendor answered 402.")),
        (Answer(451, {}, b""), Refused("The vendor answered 451.")),
        (Answer(501, {}, b""), Refused("The vendor answered 501.")),
        (Answer(401, {}, b""), Failed("The vendor answered 401.")),
        (Answer(403, {}, b""), Failed("The vendor answered 403.")),
        (Answer(404, {}, b"<html>"), Failed("The vendor answered 404.")),
        (Answer(405, {}, b""), Failed("The vendor answered 405.")),
        (Answer(413, {}, b""), Failed("The vendor answered 413.")),
        (Answer(429, {"retry-after": "30"}, b""), Failed("The vendor answered 429.", 30 * SECOND)),
        (Answer(429, {"retry-after": "soon"}, b""), Failed("The vendor answered 429.")),
        (Answer(408, {}, b""), Unknown("The vendor answered 408.")),
        (Answer(409, {}, b""), Unknown("The vendor answered 409.")),
        (Answer(302, {"location": "/"}, b""), Unknown("The vendor answered 302.")),
        (Answer(500, {}, b""), Unknown("The vendor answered 500.")),
        (Answer(503, {"retry-after": "1"}, b""), Unknown("The vendor answered 503.")),
        (Answer(504, {}, b""), Unknown("The vendor answered 504.")),
    ],
)
def test_what_each_answer_means(given: Answer, outcome: Outcome) -> None:
    assert outcome_of(given, may_repeat=False) == outcome


def test_what_is_unknown_may_be_sent_again_to_a_vendor_that_recognises_repeats() -> None:
    for status in (302, 409, 500, 503):
        assert outcome_of(said(status), may_repeat=True) == Unknown(f"The vendor answered {status}.", True)
    assert outcome_of(said(403), may_repeat=True) == Failed("The vendor answered 403.")


@pytest.mark.parametrize(
    ("given", "report"),
    [
        (Answer(200, {}, b'{"status":"never_seen"}'), None),
        (Answer(200, {}, b'{"status":"done","vendor_reference":"V-1"}'), Done("V-1")),
        (Answer(200, {}, b'{"status":"failed","reason":"Sold out."}'), Failed("Sold out.")),
        (Answer(200, {}, b'{"status":"unknown"}'), Unknown("The vendor does not know.")),
        (Answer(404, {}, b'{"status":"never_seen"}'), Unknown("The vendor answered 404.")),
        (Answer(429, {}, b""), Unknown("The vendor answered 429.")),
        (Answer(400, {}, b""), Unknown("The vendor answered 400.")),
        (Answer(200, {}, b"null"), Unknown("The vendor answered 200.")),
    ],
)
def test_to_a_question_only_the_vendors_own_word_is_an_answer(given: Answer, report: Outcome | None) -> None:
    assert report_of(given) == report


async def test_a_request_is_signed_and_says_what_is_wanted(tenant: Tenant) -> None:
    key, request = new_key(), requests_of(tenant)()
    outbound = Outbound(allow_private_addresses=True)
    async with a_receiver() as receiver:
        receiver.reply = lambda _: answer(200, b'{"status":"done","vendor_reference":"V-1"}')
        vendors = HttpVendors(outbound, SEAL, SystemClock())
        vendor = HttpVendor(a_setup(receiver.url, key), vendors)
        assert await vendor.provision(request) == Done("V-1")
        assert await vendor.query(tenant.id, request.reference) == Done("V-1")
    await outbound.close()
    sent, asked = receiver.received
    assert sent.verified(secret_of(key)) == {
        "action": "provision",
        "reference": request.reference,
        "account": str(tenant.id),
        "customer_id": str(tenant.customer.organization_id),
        "plan_code": "mail:P1Y:monthly",
        "sku": "mail",
        "quantity": 3,
        "characteristics": {},
        "vendor_reference": None,
    }
    assert asked.verified(secret_of(key)) == {
        "action": "query",
        "reference": request.reference,
        "account": str(tenant.id),
    }
    assert (sent.method, sent.headers["content-type"]) == ("POST", "application/json")
    assert sent.headers["webhook-id"] != asked.headers["webhook-id"]


async def test_while_a_secret_is_replaced_a_request_is_signed_with_both(tenant: Tenant) -> None:
    old, new = new_key(), new_key()
    secret = Sealed(SEAL.seal(new), SEAL.seal(old), NOW + SECOND)
    outbound = Outbound(allow_private_addresses=True)
    async with a_receiver() as receiver:
        for moment, valid in ((NOW, [True, True]), (NOW + SECOND, [True, False])):
            vendors = HttpVendors(outbound, SEAL, FixedClock(moment))
            await HttpVendor(a_setup(receiver.url, secret=secret), vendors).provision(requests_of(tenant)())
            sent = receiver.received[-1]
            signatures = sent.headers["webhook-signature"].split(" ")
            expected = [
                Webhook(secret_of(key)).sign(sent.headers["webhook-id"], moment, sent.body.decode())
                for key in (new, old)
            ]
            assert [one in signatures for one in expected] == valid
    await outbound.close()


async def test_what_cannot_be_sent_was_not_sent(tenant: Tenant) -> None:
    request, key = requests_of(tenant)(), new_key()
    private, public = Outbound(allow_private_addresses=True), Outbound()
    clock = FixedClock(NOW)
    stranger = Seal(MasterKey.from_text("another master key, of some other server"), "provider-secrets")
    unsent: list[tuple[HttpVendor, type[Exception]]] = [
        (HttpVendor(a_setup("http://127.0.0.1:1/", key), HttpVendors(private, SEAL, clock)), HostUnreachable),
        (HttpVendor(a_setup("https://127.0.0.1:1/", key), HttpVendors(public, SEAL, clock)), NotSent),
        (HttpVendor(a_setup("http://127.0.0.1:1/", key), HttpVendors(private, stranger, clock)), NotSent),
    ]
    for vendor, error in unsent:
        with pytest.raises(error):
            await vendor.provision(request)
        providers = Providers({"it": vendor})
        assert isinstance(await providers.send("it", "create", request), Failed)
        assert isinstance(await providers.ask("it", tenant.id, request.reference), Unknown)
    await private.close()


async def test_a_lost_answer_may_be_repeated_where_the_vendor_recognises_it(tenant: Tenant) -> None:
    outbound = Outbound(allow_private_addresses=True)
    async with a_receiver() as receiver:
        receiver.reply = lambda _: b""
        for idempotent in (True, False):
            setup = a_setup(receiver.url, new_key(), idempotent=idempotent)
            vendor = HttpVendor(setup, HttpVendors(outbound, SEAL, FixedClock(NOW)))
            lost = await vendor.provision(requests_of(tenant)())
            assert isinstance(lost, Unknown)
            assert lost.may_repeat is idempotent
    await outbound.close()


async def test_the_simulated_vendor_believes_only_what_is_signed(tenant: Tenant) -> None:
    async with http_subject(tenant) as (_, simulator, _):
        assert simulator.reply({}, b"{}")[0] == 401
        assert simulator.books == []


async def test_an_order_itself_may_tell_the_simulated_vendor_how_to_fail(tenant: Tenant) -> None:
    async with http_subject(tenant) as (subject, _, _):
        refused = replace(requests_of(tenant)(), characteristics={"simulate": "refuse"})
        assert await subject.send(refused) == Refused("The simulated vendor was told to do this.")
