"""Signed messages: what a stranger, an eavesdropper or an old recording cannot do."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from chandlery.engine.signatures import is_signed, key_of, new_key, secret_of, sign
from tests.conftest import NOW

KEY, BODY = b"0123456789abcdef0123456789abcdef", b'{"reference":"1"}'


def test_a_signed_message_is_accepted_within_five_minutes() -> None:
    headers = sign([KEY], "m-1", NOW, BODY)
    for age in (-300, 0, 300):
        assert is_signed([KEY], headers, BODY, NOW + timedelta(seconds=age))
    for age in (-301, 301):
        assert not is_signed([KEY], headers, BODY, NOW + timedelta(seconds=age))


def test_it_is_the_signature_of_standard_webhooks() -> None:
    headers = sign([KEY], "m-1", NOW, BODY)
    theirs = Webhook(base64.b64encode(KEY).decode()).sign("m-1", NOW, BODY.decode())
    assert headers["webhook-signature"] == theirs


def test_one_of_several_signatures_is_enough_so_that_keys_can_change() -> None:
    headers = sign([KEY], "m-1", NOW, BODY)
    headers["webhook-signature"] = f"v1,bm90IHRoaXM= {headers['webhook-signature']}"
    assert is_signed([KEY], headers, BODY, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "m-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "99999999999"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "²"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,\ud800"},
        {"webhook-signature": "v2,AAAA"},
    ],
)
def test_any_change_makes_it_worthless(changed: dict[str, str]) -> None:
    assert not is_signed([KEY], {**sign([KEY], "m-1", NOW, BODY), **changed}, BODY, NOW)


def test_another_body_or_another_key_makes_it_worthless() -> None:
    headers = sign([KEY], "m-1", NOW, BODY)
    assert not is_signed([KEY], headers, BODY + b" ", NOW)
    assert not is_signed([b"another"], headers, BODY, NOW)
    assert not is_signed([KEY], {}, BODY, NOW)


def test_while_a_secret_is_replaced_both_sign_and_either_proves() -> None:
    old, new = new_key(), new_key()
    both = sign([new, old], "m-1", NOW, BODY)
    assert is_signed([old], both, BODY, NOW)
    assert is_signed([new], both, BODY, NOW)
    assert is_signed([new, old], sign([old], "m-1", NOW, BODY), BODY, NOW)
    assert not is_signed([], both, BODY, NOW)


def test_a_key_has_a_text_form_that_libraries_know() -> None:
    key = new_key()
    secret = secret_of(key)
    assert (secret[:6], key_of(secret)) == ("whsec_", key)
    theirs = Webhook(secret).sign("m-1", NOW, BODY.decode())
    assert sign([key], "m-1", NOW, BODY)["webhook-signature"] == theirs
    for not_one in ("", "sk_live_1", "whsec_not base64"):
        with pytest.raises(ValueError, match="a secret is whsec_"):
            key_of(not_one)
