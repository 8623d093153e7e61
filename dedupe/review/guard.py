"""Admit only requests of the person who started the review: an ASGI middleware.

Checks Host, Origin, Sec-Fetch-Site, a token in a cookie, and the size and time of a body. It knows
no report. Sources: OWASP cheat sheets on CSRF and DNS rebinding.
"""

from __future__ import annotations

import asyncio
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "dedupe_review"
LARGEST_BODY = 64 * 2**10  # bytes; the largest decision is far below it
SLOWEST_BODY = 10.0  # seconds until a body must be complete

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Guard:
    """Wraps an application; rejects what does not come from the review page itself."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: frozenset[str]) -> None:
        """Prepare to admit one browser.

        Args:
            token: the secret in the printed address, exchanged for a cookie at the first visit.
            hosts: the values of the Host header that are admitted, with the port.
        """
        self._app = app
        self._token = token
        self._hosts = hosts
        self._secret = secrets.token_urlsafe(32)  # of the cookie
        self._exchanged = False
        self.rejected = 0  # requests that were not admitted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to the application."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        if headers.get("host", "") not in self._hosts:
            await self._reject(send, 421, "unknown host")
        elif headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            await self._reject(send, 403, "the request comes from another page")
        elif token := self._token_of(scope):
            await self._exchange(headers, token, send)
        elif not self._has_cookie(headers):
            await self._reject(send, 403, "open the address that dedupe review printed")
        elif scope["method"] not in ("GET", "HEAD", "POST"):
            await self._reject(send, 405, "method not allowed")
        elif scope["method"] == "POST":
            await self._post(scope, headers, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))

    async def _post(
        self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        if headers.get("origin", "") not in {f"http://{host}" for host in self._hosts}:
            await self._reject(send, 403, "the request comes from another page")
        elif headers.get("content-type", "").split(";")[0].strip() != "application/json":
            await self._reject(send, 415, "the body must be application/json")
        else:
            try:
                body = await asyncio.wait_for(_read_body(receive), SLOWEST_BODY)
            except (TimeoutError, ValueError) as error:
                await self._reject(send, 413, str(error) or "the body did not arrive in time")
                return
            await self._app(scope, _replay(body, receive), _with_headers(send))

    def _token_of(self, scope: Scope) -> str:
        if scope["method"] != "GET" or scope["path"] != "/":
            return ""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        return str(query.get("token", [""])[0])

    async def _exchange(self, headers: dict[str, str], token: str, send: Send) -> None:
        good = secrets.compare_digest(token.encode(), self._token.encode())
        if good and self._has_cookie(headers):
            await _answer(send, 303, "", [(b"location", b"/")])
        elif good and not self._exchanged:
            self._exchanged = True
            cookie = f"{COOKIE}={self._secret}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(send, 303, "", [(b"location", b"/"), (b"set-cookie", cookie.encode())])
        else:
            await self._reject(send, 403, "this address was used before: start dedupe review again")

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return found is not None and secrets.compare_digest(
            found.value.encode(), self._secret.encode()
        )

    async def _reject(self, send: Send, status: int, why: str) -> None:
        self.rejected += 1
        await _answer(send, status, why + "\n", [])


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > LARGEST_BODY:
            raise ValueError(f"the body is larger than {LARGEST_BODY} bytes")
        if message["type"] != "http.request" or not message.get("more_body"):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return add


async def _answer(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]]) -> None:
    plain = (b"content-type", b"text/plain; charset=utf-8")
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [plain, *headers, *_HEADERS],
    }
    await send(start)
    await send({"type": "http.response.body", "body": text.encode()})
