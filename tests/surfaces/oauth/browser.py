"""A browser without JavaScript: it keeps cookies, finds forms in pages, fills them in and sends them off."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx


@dataclass(slots=True)
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.forms.append(Form(given["action"]))
        elif tag == "input" and self.forms and (given.get("type") != "radio" or "checked" in given):
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "a":
            self.links.append(given["href"])
        elif tag == "script" or any(name.startswith("on") for name in given):
            self.scripts += 1


def read(page: httpx.Response) -> _Reader:
    reader = _Reader()
    reader.feed(page.text)
    return reader


@dataclass(slots=True)
class Browser:
    """`http` does not follow redirects: where one leads is for the test to say."""

    http: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def send(self, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        """Fill in and send the form of a page that leads to `action`."""
        form = next(form for form in read(page).forms if form.action == action)
        return await self.http.post(action, data=form.fields | fields)

    async def sign_in(self, login: str, password: str, place: str = "") -> httpx.Response:
        page = await self.http.get("/oauth/sign-in", params={"next": place} if place else None)
        return await self.send(page, "/oauth/sign-in", login=login, password=password)
