"""The guard: a slow client does not hold the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from dedupe.review import guard
from dedupe.review.guard import COOKIE, Guard

HOST = "127.0.0.1:8000"


async def _never_called(*_: object) -> None:
    raise AssertionError("the request reached the application")


def ask(app: Guard, method: str, path: str, receive: Any, **headers: str) -> list[Message]:
    """Send one request straight to the application; return what it sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    listed = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    route, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": route, "headers": listed}
    asyncio.run(app(scope | {"query_string": query.encode()}, receive, send))
    return sent


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


def cookie_of(app: Guard) -> str:
    sent = ask(app, "GET", "/?token=t", _no_body, host=HOST)
    found = dict(sent[0]["headers"])[b"set-cookie"].decode()
    assert "HttpOnly" in found
    assert "SameSite=Strict" in found
    return str(found.split(";")[0])


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SLOWEST_BODY", 0.01)
    app = Guard(_never_called, token="t", hosts=frozenset({HOST}))
    cookie = cookie_of(app)

    async def silent() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    kind = "application/json"
    origin = f"http://{HOST}"
    sent = ask(
        app, "POST", "/api/undo", silent, host=HOST, cookie=cookie, origin=origin, content_type=kind
    )
    assert sent[0]["status"] == 413


@pytest.mark.parametrize("cookie", ["", f"{COOKIE}=guess", "=;=;", f"{COOKIE}=\x80"])
def test_a_wrong_cookie_is_not_admitted(cookie: str) -> None:
    app = Guard(_never_called, token="t", hosts=frozenset({HOST}))
    cookie_of(app)
    sent = ask(app, "GET", "/api/summary", _no_body, host=HOST, cookie=cookie)
    assert sent[0]["status"] == 403
    assert app.rejected == 1


def test_other_protocols_are_closed_without_an_answer() -> None:
    app = Guard(_never_called, token="t", hosts=frozenset({HOST}))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app({"type": "websocket"}, _no_body, send))
    assert sent == []
