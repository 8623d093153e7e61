"""The review over HTTP: what is answered, and every request that is not admitted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from dedupe.review.guard import LARGEST_BODY, Guard
from dedupe.review.server import create_app
from dedupe.review.session import Session
from dedupe.types import Report

HOST = "127.0.0.1:8000"
ORIGIN = {"origin": f"http://{HOST}"}


@pytest.fixture
def app(session: Session) -> Guard:
    return create_app(session, token="secret", hosts=frozenset({HOST}), max_pixels=10**8)


@pytest.fixture
def stranger(app: Guard) -> TestClient:
    return TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    assert stranger.get("/?token=secret").status_code == 303
    stranger.headers["origin"] = f"http://{HOST}"
    return stranger


def decide(client: TestClient, **body: Any) -> Any:
    return client.post("/api/decide", json={"keeper": 0, **body})


def test_the_page_and_its_scripts_are_served(client: TestClient) -> None:
    assert "dedupe review" in client.get("/").text
    for name in ("app.js", "stage.js", "details.js", "dialogs.js", "api.js", "style.css"):
        assert client.get(f"/static/{name}").status_code == 200


def test_a_decision_reaches_the_file(client: TestClient, report_path: Path) -> None:
    answer = decide(client, groups=[1], state="accepted", removed=[1, 2])
    assert answer.json()["states"] == {"accepted": 1, "open": 2}
    lines = Path(f"{report_path}.decisions.jsonl").read_text().splitlines()
    assert lines[1] == '{"decide": {"1": ["accepted", 0, [1, 2]]}}'


def test_a_picture_is_a_new_jpeg_without_metadata(client: TestClient, report: Report) -> None:
    answer = client.get("/picture/1/0/320")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content != Path(report.groups[0].keeper.path).read_bytes()
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (320, 240)
        assert not image.getexif()


def test_a_file_that_is_no_longer_an_image_gets_no_picture(
    client: TestClient, report: Report
) -> None:
    Path(report.groups[0].keeper.path).write_text("<svg onload='alert(1)'/>")
    answer = client.get("/picture/1/0/320")
    assert answer.status_code == 410
    assert "svg" not in answer.text


def test_the_alignment_maps_the_duplicate_onto_the_keeper(client: TestClient) -> None:
    matrix = client.get("/api/align/1/0/1").json()["matrix"]
    assert matrix[0] == pytest.approx(2, abs=0.05)
    assert matrix[4] == pytest.approx(2, abs=0.05)
    assert matrix[2] == pytest.approx(0, abs=2)


def test_apply_shows_the_plan_moves_and_takes_back(
    client: TestClient, report: Report, tmp_path: Path
) -> None:
    decide(client, groups=[1], state="accepted", removed=[1, 2])
    to = tmp_path / "away"
    plan = client.post("/api/plan", json={"action": "move", "folder": str(to)}).json()
    assert (plan["photos"], plan["accepted"]) == (2, 1)
    sources = [Path(d.photo.path) for d in report.groups[0].duplicates]
    assert all(source.exists() for source in sources)
    client.post("/api/apply", json={"plan": plan["plan"]})
    outcome = wait(client)
    assert (outcome["applied"], outcome["failed"], outcome["left"]) == (2, [], [])
    assert not any(source.exists() for source in sources)
    assert client.post("/api/take-back", json={}).json() == {"restored": 2, "failed": []}
    assert all(source.exists() for source in sources)


def wait(client: TestClient) -> dict[str, Any]:
    for _ in range(10_000):
        found: dict[str, Any] = client.get("/api/progress").json()
        if not found["running"]:
            return found
    raise AssertionError("the run did not end")


def test_a_plan_that_is_not_the_last_one_shown_is_not_carried_out(client: TestClient) -> None:
    assert client.post("/api/apply", json={"plan": "guess"}).status_code == 400


def test_a_report_that_changed_on_disk_is_not_applied(
    client: TestClient, report_path: Path
) -> None:
    decide(client, groups=[1], state="accepted", removed=[1, 2])
    report_path.write_text(report_path.read_text().replace('"version": 1', '"version":  1'))
    answer = client.post("/api/plan", json={"action": "move", "folder": "away"})
    assert answer.status_code == 409
    assert "changed since the review began" in answer.json()["error"]


def test_a_stranger_without_the_token_sees_nothing(stranger: TestClient) -> None:
    for path in ("/", "/api/summary", "/picture/1/0/320", "/static/app.js", "/?token=wrong"):
        answer = stranger.get(path)
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("text/plain")


def test_the_token_works_once(app: Guard, client: TestClient) -> None:
    assert client.get("/?token=secret").status_code == 303
    second = TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)
    assert second.get("/?token=secret").status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:9", "127.0.0.1", ""])
def test_another_host_name_is_not_admitted(client: TestClient, host: str) -> None:
    assert client.get("/api/summary", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "same-site"},
    ],
)
def test_a_request_of_another_page_is_not_admitted(
    client: TestClient, headers: dict[str, str]
) -> None:
    body = {"groups": [1], "state": "accepted", "keeper": 0, "removed": [1]}
    assert client.post("/api/decide", json=body, headers=headers).status_code == 403
    assert client.get("/api/summary").json()["states"] == {"open": 3}


def test_a_form_of_another_page_is_not_admitted(client: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = client.post("/api/undo", content=b"{}", headers={"content-type": kind})
        assert answer.status_code == 415


@pytest.mark.parametrize(
    "path",
    [
        "/picture/1/99/320",
        "/picture/99/0/320",
        "/picture/1/0/321",
        "/picture/99999999999999999999/0/320",
        "/picture/../../etc/passwd/0/320",
        "/static/../session.py",
        "/static/%2e%2e/session.py",
        "/static/..%2fsession.py",
        "/picture/1/-1/320",
        "/api/group/0",
        "/api/groups?offset=-1",
        "/api/groups?limit=1e9",
        "/api/nothing",
    ],
)
def test_a_path_or_number_out_of_range_gives_an_error(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (400, 404)


def test_a_body_that_is_too_large_is_not_read(client: TestClient) -> None:
    answer = client.post(
        "/api/decide",
        content=b" " * (LARGEST_BODY + 1),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"groups": 1}', b'{"groups": ["1"]}'])
def test_a_body_that_is_no_decision_is_rejected(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert client.post("/api/decide", content=body, headers=headers).status_code == 400


def test_a_method_that_changes_without_a_body_is_not_admitted(client: TestClient) -> None:
    assert client.request("PUT", "/api/decide").status_code == 405
    assert client.get("/api/undo").status_code == 405


def test_every_answer_forbids_foreign_content(client: TestClient) -> None:
    for path in ("/", "/api/summary", "/picture/1/0/320", "/?token=wrong"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_rejected_requests_are_counted(app: Guard, stranger: TestClient) -> None:
    stranger.get("/api/summary")
    stranger.get("/api/summary", headers={"host": "evil.example"})
    assert app.rejected == 2
