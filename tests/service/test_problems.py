"""Every error is a problem that says what to do, and none says more than it should."""

from __future__ import annotations

import importlib
import io
import json
import pkgutil

import pytest
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.test import create_environ, run_wsgi_app

import moderation
from moderation import errors
from moderation.errors import Refused
from service import auth
from service.problems import SLUGS, TABLE, TITLES, problem_of


def all_refusals(kind=Refused):
    for child in kind.__subclasses__():
        yield child
        yield from all_refusals(child)


def test_everything_raised_on_purpose_has_its_status():
    for module in pkgutil.iter_modules(moderation.__path__, "moderation."):
        importlib.import_module(module.name)
    ours = {kind for kind in all_refusals() if kind.__module__ == errors.__name__}

    assert ours <= set(TABLE), "a new error needs its line in service/problems.py"
    for kind in all_refusals():
        assert any(parent in TABLE for parent in kind.__mro__), kind


def test_every_problem_has_a_title_and_stands_in_the_documentation(app):
    page = app.test_client().get("/docs").text
    names = {slug for _, slug in TABLE.values()} | set(SLUGS.values())

    assert names <= set(TITLES)
    for name in TITLES:
        assert f'id="{name}"' in page


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/nothing", {}, 404),
        ("PATCH", "/v1/comments", {"json": {}}, 405),
        ("POST", "/v1/comments", {"data": "{", "content_type": "application/json"}, 400),
        ("POST", "/v1/comments", {"data": b'"\xff"', "content_type": "application/json"}, 400),
        ("POST", "/v1/comments", {"data": "[" * 100_000, "content_type": "application/json"}, 400),
        ("POST", "/v1/comments", {"data": '{"a":' * 50_000, "content_type": "application/json"}, 400),
        ("POST", "/v1/comments", {"data": '{"name": NaN}', "content_type": "application/json"}, 400),
        ("POST", "/v1/comments", {"data": "9" * 10_000, "content_type": "application/json"}, 400),
        ("POST", "/v1/comments", {"data": "hello", "content_type": "text/plain"}, 415),
        ("POST", "/v1/comments", {}, 415),
        ("POST", "/v1/comments", {"json": []}, 422),
        ("POST", "/v1/comments", {"json": None, "data": "null", "content_type": "application/json"}, 422),
        ("POST", "/v1/comments", {"json": {"body": "x" * 1_100_000}}, 413),
        ("GET", "/v1/comments/\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), {}, 404),
        ("GET", "/v1/comments/%00", {}, 404),
        ("GET", "/v1/comments?cursor=%00", {}, 422),
        ("GET", "/v1/comments?article=%00", {}, 422),
        ("GET", "/v1/endpoints/%00", {}, 404),
        ("GET", "/v1/deliveries/a%0Ab", {}, 404),
    ],
)
def test_every_error_is_a_problem(site_on_both, method, path, more, status):
    if more.get("json", 0) is None:
        more = {name: value for name, value in more.items() if name != "json"}

    answer = site_on_both.call(method, path, **more)

    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["detail"]
    assert answer.json["instance"] == f"urn:btl:request:{answer.headers['X-Request-Id']}"


def test_a_method_that_is_not_open_names_those_that_are(site):
    answer = site.call("PATCH", "/v1/comments", json={})

    assert "GET" in answer.headers["Allow"]
    assert "POST" in answer.json["detail"]


def test_a_surprise_says_nothing_about_itself(app, site, caplog):
    def broken():
        raise RuntimeError("the reader's secret words")

    app.add_url_rule("/v1/broken", "broken", broken)
    auth.allow(app, {"broken": "open"})

    answer = site.get("/v1/broken")

    assert answer.status_code == 500
    assert answer.json["type"] == "/docs#internal"
    for text in (answer.text, caplog.text):
        assert "secret words" not in text
        assert "Traceback" not in text
    assert "request_failed" in caplog.text


def test_data_that_no_database_takes_is_our_fault_and_no_outage():
    assert problem_of(DataError("select %s", ["\x00"], Exception("NUL"))).status == 500


def test_a_database_that_is_away_is_said_so_and_nothing_is_quoted():
    error = OperationalError(
        "insert into comments values (%s)", ["the reader's secret words"], Exception("gone")
    )

    problem = problem_of(error)

    assert (problem.status, problem.slug) == (503, "unavailable")
    assert dict(problem.headers)["Retry-After"]
    assert "secret" not in problem.detail


def test_a_body_that_does_not_say_its_length_is_bounded_too(app, site):
    environ = create_environ(
        "/v1/comments",
        method="POST",
        headers={"Authorization": f"Bearer {site.key}", "Content-Type": "application/json"},
    )
    # As a server hands on a chunked request.
    environ |= {
        "wsgi.input": io.BytesIO(json.dumps({"body": "x" * 2_000_000}).encode()),
        "wsgi.input_terminated": True,
    }
    environ.pop("CONTENT_LENGTH", None)

    _, status, _ = run_wsgi_app(app, environ)

    assert status.startswith("413")


def test_a_batch_may_be_larger_than_other_requests(site):
    comments = [{"name": "Ann", "email": "ann@example.org", "body": "x" * 9_000}] * 200

    answer = site.post("/v1/comments/batch", {"comments": comments})

    assert answer.status_code == 200
    assert site.post("/v1/comments/batch", {"comments": ["x" * 9_000_000]}).status_code == 413


@pytest.mark.parametrize("path", ["/v1/comments", "/docs", "/healthz", "/nothing", "/openapi.json"])
def test_every_answer_tells_the_browser_what_not_to_do(site, path):
    answer = site.get(path)

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in answer.headers or "Werkzeug" not in answer.headers["Server"]
