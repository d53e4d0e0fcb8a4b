"""Settings come from the environment, and every problem is named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from chandlery.app.settings import Settings, SettingsUnusable, help_lines, load


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load({"PATH": "/bin"}) == Settings()


def test_values_are_converted_and_options_win() -> None:
    settings = load(
        {"CHANDLERY_PORT": "9000", "CHANDLERY_DATA": "/srv/c", "CHANDLERY_ALLOW_PRIVATE_ADDRESSES": "true"},
        port=9100,
    )
    assert (settings.port, settings.data, settings.allow_private_addresses) == (9100, Path("/srv/c"), True)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(SettingsUnusable) as refused:
        load(
            {
                "CHANDLERY_PORT": "many",
                "CHANDLERY_DATABSE_URL": "x",
                "CHANDLERY_SECRET_KEY": "short",
                "CHANDLERY_PUBLIC_URL": "shop",
            }
        )
    text = str(refused.value)
    assert "CHANDLERY_PORT='many'" in text
    assert "did you mean CHANDLERY_DATABASE_URL?" in text
    assert "CHANDLERY_SECRET_KEY: at least 32 characters" in text
    assert "CHANDLERY_PUBLIC_URL" in text


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::1", "http://[::1]:8080"),
    ],
)
def test_the_base_url_follows_the_address_unless_a_public_one_is_set(host: str, base_url: str) -> None:
    assert Settings(host=host).base_url == base_url
    assert Settings(host=host, public_url="https://shop.example.com/").base_url == "https://shop.example.com"


def test_every_setting_says_what_it_is_for() -> None:
    assert all(meaning for _, _, meaning in help_lines())


def test_a_mail_server_and_a_sender_that_cannot_be_are_refused() -> None:
    with pytest.raises(SettingsUnusable) as refused:
        load({"CHANDLERY_SMTP_URL": "mail.example.com:25", "CHANDLERY_MAIL_FROM": "The shop"})
    text = str(refused.value)
    assert "CHANDLERY_SMTP_URL: give smtp://user:password@host:port" in text
    assert "CHANDLERY_MAIL_FROM: one bare mail address" in text


def test_letters_lie_in_the_data_directory_unless_another_folder_is_named() -> None:
    assert load({"CHANDLERY_DATA": "/srv/c"}).letters_folder == Path("/srv/c/outbox")
    assert load({"CHANDLERY_OUTBOX": "/srv/letters"}).letters_folder == Path("/srv/letters")
