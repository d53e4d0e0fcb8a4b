from __future__ import annotations

import pytest

from chandlery.kernel.text import is_mailbox, is_one_line


@pytest.mark.parametrize(
    "text",
    ["jo@example.com", "a.b+c@mail.example.co.uk", "jö@bücher.example", "root@localhost", "o'hara@x.example"],
)
def test_what_a_mail_system_can_deliver_to_is_an_address(text: str) -> None:
    assert is_mailbox(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "jo", "jo@", "@example.com", "jo@@example.com", "jo@example..com", "jo@-x.com", "a..b@x.com", "jo @x.com",
        "jo@x.com\n", "jo@x.com\r\nBcc: a@x.com", "Jo <jo@x.com>", "a@x.com,b@x.com", "a" * 65 + "@x.com",
        "a@" + "x." * 130 + "com",
    ],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    assert not is_mailbox(text)


def test_a_line_may_hold_any_script_and_no_control_character() -> None:
    for text in ("", "plain", "Zoë 1\u00a0234", "株式会社", "👩\u200d💻"):
        assert is_one_line(text)
    for text in ("a\nb", "a\r", "\0", "\x7f", "\x85", "\u2028", "\ud800"):
        assert not is_one_line(text)
