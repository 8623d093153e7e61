"""The HTTP side of a review: routes, and the local server that answers them.

`create_app` needs no socket; `launch` binds to the loopback interface only.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from dedupe.decode.read import Unreadable
from dedupe.errors import DedupeError, InputError, UsageError
from dedupe.review.alignment import find_matrix
from dedupe.review.applying import Applying
from dedupe.review.filters import Filter
from dedupe.review.guard import Guard
from dedupe.review.previews import SIDES, Previews
from dedupe.review.session import Session

HOST = "127.0.0.1"
_STATIC = Path(__file__).parent / "static"
_KEEP_ALIVE = 30  # seconds an idle connection is held
_MOST_CONNECTIONS = 64


def create_app(
    session: Session,
    *,
    token: str,
    hosts: frozenset[str],
    max_pixels: int,
) -> Guard:
    """Return the application of one review.

    Args:
        session: the review.
        token: the secret of the printed address.
        hosts: admitted values of the Host header, such as `127.0.0.1:8000`.
        max_pixels: larger images get no preview; 0 for no limit.
    """
    previews = Previews(max_pixels=max_pixels)
    routes = _Routes(session, previews, Applying(session), max_pixels)
    app = Starlette(
        routes=[
            Route("/", routes.home),
            Route("/api/summary", routes.summary),
            Route("/api/groups", routes.groups),
            Route("/api/numbers", routes.numbers),
            Route("/api/group/{number:int}", routes.group),
            Route("/api/align/{number:int}/{keeper:int}/{file:int}", routes.align),
            Route("/picture/{number:int}/{file:int}/{side:int}", routes.picture),
            Route("/api/decide", routes.decide, methods=["POST"]),
            Route("/api/accept", routes.accept, methods=["POST"]),
            Route("/api/undo", routes.undo, methods=["POST"]),
            Route("/api/redo", routes.redo, methods=["POST"]),
            Route("/api/plan", routes.plan, methods=["POST"]),
            Route("/api/apply", routes.apply, methods=["POST"]),
            Route("/api/progress", routes.progress),
            Route("/api/take-back", routes.take_back, methods=["POST"]),
        ],
        exception_handlers={
            UsageError: _trouble(400),
            DedupeError: _trouble(409),
            Unreadable: _trouble(410),
        },
    )
    app.mount("/static", StaticFiles(directory=_STATIC))
    return Guard(app, token=token, hosts=hosts)


def launch(
    session: Session,
    *,
    port: int = 0,
    max_pixels: int,
    on_ready: Callable[[str], None],
) -> None:
    """Serve a review on the loopback interface until it is interrupted.

    Args:
        port: 0 for a free one.
        on_ready: called with the address to open, which holds the one-time token.

    Raises:
        InputError: the port cannot be bound.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # before the address is announced
    except OSError as error:
        listening.close()
        raise InputError(f"cannot serve on port {port}: {error.strerror}") from error
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    hosts = frozenset({f"{HOST}:{port}", f"localhost:{port}"})
    app = create_app(session, token=token, hosts=hosts, max_pixels=max_pixels)
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=2,
    )
    on_ready(f"http://{HOST}:{port}/?token={token}")
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


class _Routes:
    """One method for each route. Those that are not async run in threads."""

    def __init__(
        self, session: Session, previews: Previews, applying: Applying, max_pixels: int
    ) -> None:
        self._session = session
        self._previews = previews
        self._applying = applying
        self._max_pixels = max_pixels

    def home(self, _request: Request) -> Response:
        return FileResponse(_STATIC / "index.html")

    def summary(self, _request: Request) -> Response:
        return _json(self._session.summary())

    def groups(self, request: Request) -> Response:
        query = request.query_params
        offset, limit = _whole(query.get("offset", "0")), _whole(query.get("limit", "50"))
        return _json(self._session.page(_filter(dict(query)), offset, limit))

    def numbers(self, request: Request) -> Response:
        return _json({"numbers": self._session.select(_filter(dict(request.query_params)))})

    def group(self, request: Request) -> Response:
        return _json(self._session.group(request.path_params["number"]))

    def align(self, request: Request) -> Response:
        number, keeper, file = (request.path_params[n] for n in ("number", "keeper", "file"))
        photos = self._session.photo(number, keeper), self._session.photo(number, file)
        return _json({"matrix": find_matrix(*photos, max_pixels=self._max_pixels)})

    def picture(self, request: Request) -> Response:
        photo = self._session.photo(request.path_params["number"], request.path_params["file"])
        side = request.path_params["side"]
        if side not in SIDES:
            raise UsageError(f"there is no preview of {side} pixels")
        preview = self._previews.get(photo, side)
        headers = {"cache-control": "private, max-age=3600, immutable"}
        return Response(preview, media_type="image/jpeg", headers=headers)

    async def decide(self, request: Request) -> Response:
        body = await _body(request)
        numbers = [_number(n) for n in _list(body, "groups")]
        removed = [_number(n) for n in _list(body, "removed")]
        state, keeper = str(body.get("state", "")), _number(body.get("keeper", 0))
        decide = self._session.decide
        await run_in_threadpool(decide, numbers, state, keeper=keeper, removed=removed)
        return _json(self._session.summary())

    async def accept(self, request: Request) -> Response:
        body = await _body(request)
        folder = str(body.get("keep_folder", ""))
        count = await run_in_threadpool(self._session.accept_all, _filter(body), keep_folder=folder)
        return _json({"accepted": count, **self._session.summary()})

    def undo(self, _request: Request) -> Response:
        return _json({"touched": self._session.undo(), **self._session.summary()})

    def redo(self, _request: Request) -> Response:
        return _json({"touched": self._session.redo(), **self._session.summary()})

    async def plan(self, request: Request) -> Response:
        body = await _body(request)
        action, folder = str(body.get("action", "")), str(body.get("folder", ""))
        return _json(await run_in_threadpool(self._applying.plan, action, folder))

    async def apply(self, request: Request) -> Response:
        body = await _body(request)
        self._applying.start(str(body.get("plan", "")))
        return _json(self._applying.progress())

    def progress(self, _request: Request) -> Response:
        return _json(self._applying.progress())

    def take_back(self, _request: Request) -> Response:
        return _json(self._applying.take_back())


def _filter(values: dict[str, Any]) -> Filter:
    known = {field.name for field in fields(Filter)} - {"min_bytes"}
    words = {name: str(values[name]) for name in known if values.get(name)}
    return Filter(**words, min_bytes=_whole(values.get("min_bytes") or 0))


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise UsageError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise UsageError("the body is not an object")
    return body


def _list(body: dict[str, Any], name: str) -> list[Any]:
    value = body.get(name, [])
    if not isinstance(value, list):
        raise UsageError(f"{name} is not a list")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise UsageError(f"{value!r:.40} is not a whole number")
    return value


def _whole(value: object) -> int:
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise UsageError(f"{text[:40]!r} is not a whole number")
    return int(text)


def _json(value: object) -> JSONResponse:
    return JSONResponse(value, headers={"cache-control": "no-store"})


def _trouble(status: int) -> Callable[[Request, Exception], Response]:
    def answer(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status_code=status)

    return answer
