"""What others decide leaves an open desk at once, on the server that is deployed; and also without a stream."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import psutil
import pytest
from playwright.sync_api import expect

from moderation import sites
from moderation.tables import Comment
from service.review import live
from tests.desk import PASSWORD, token_in
from tests.processes import Processes, processes

pytestmark = pytest.mark.browser


@pytest.fixture
def web(environment, tmp_path) -> Iterator[Processes]:
    """Gunicorn with threads, as it is deployed, on the desk's own database."""
    named = {name: value for name, value in environment.items() if name != "BTL_DATA_DIR"}
    with processes(
        tmp_path / "web", environment["BTL_DATABASE_URL"], environment["BTL_REDIS_URL"], **named
    ) as stack:
        stack.start("web", WEB_CONCURRENCY="1")
        stack.wait_alive()
        yield stack


@pytest.fixture
def address(web) -> str:
    return web.url


def _opened(page) -> str:
    return page.locator("#comment [data-comment]").get_attribute("data-comment")


def _decide(page) -> str:
    decided = _opened(page)
    page.keyboard.press("f")
    page.wait_for_function(
        "id => document.querySelector('#comment [data-comment]')?.dataset.comment !== id", arg=decided
    )
    return decided


def _seconds_until_gone(page, comment_id: str, patience: float) -> float:
    begun = time.monotonic()
    expect(page.locator(f"#row-{comment_id}")).to_have_count(0, timeout=patience * 1000)
    return time.monotonic() - begun


def test_a_decided_row_leaves_the_other_desk_within_a_second_or_so(desk, sign_in, capsys):
    for i in range(6):
        desk.add_comment(f"Fool {i}")
    first, second = sign_in(desk.add_person("Ana")), sign_in(desk.add_person("Ben"))
    expect(second.locator("body")).to_have_attribute("data-live", "stream")

    took = [_seconds_until_gone(second, _decide(first), 3.0) for _ in range(3)]

    expect(second.locator("#views [aria-current] b")).to_have_text("3", timeout=5_000)
    with capsys.disabled():
        print(f"\na decided row left the other desk after {max(took):.2f} s at most")


def test_what_someone_else_opens_and_decides_is_said_on_the_open_comment(desk, sign_in):
    comments = [desk.add_comment(f"Fool {i}") for i in range(2)]
    first = sign_in(desk.add_person("Ana"), path=f"/desk/comments/{comments[0].id}")
    second = sign_in(desk.add_person("Ben"), path=f"/desk/comments/{comments[1].id}")
    for page in (first, second):
        expect(page.locator("body")).to_have_attribute("data-live", "stream")
    expect(second.locator(f"#row-{comments[0].id}")).to_have_class("row busy", timeout=3_000)
    # Ana, who came by the address, sees Ben's comment too, and is the faster one.
    first.goto(first.url.split("/desk/")[0] + f"/desk/comments/{comments[1].id}")

    first.keyboard.press("f")

    expect(second.locator("#overtaken")).to_contain_text("Ana decided this a moment ago", timeout=5_000)


@pytest.mark.parametrize("fault", ["missing", "refused", "held back"])
def test_without_a_stream_the_page_asks_by_itself(desk, sign_in, fault):
    for i in range(4):
        desk.add_comment(f"Fool {i}")
    first, second = sign_in(desk.add_person("Ana")), sign_in(desk.add_person("Ben"))
    if fault == "missing":
        second.add_init_script("delete window.EventSource")
    elif fault == "refused":
        second.route("**/desk/live", lambda route: route.fulfill(status=204))
    else:
        second.route("**/desk/live", lambda route: None)
    second.reload()

    seconds = _seconds_until_gone(second, _decide(first), 12.0)

    expect(second.locator("body")).to_have_attribute("data-live", "asks")
    assert seconds < 9.0


def test_many_open_desks_take_no_thread_from_those_who_send_comments(desk, web, capsys):
    comment = desk.add_comment("Fool")
    person, key = desk.add_person(), sites.new_site_key()
    with desk.database.writing() as session:
        sites.issue_key(
            session,
            desk.vault,
            site_id=desk.site.id,
            key=key,
            kind="site",
            label="t",
            now=comment.received_at,
        )
    cookie = _signed_in(web, person.email)
    process = max(web.children("web"), key=lambda child: child.memory_info().rss)
    with contextlib.ExitStack() as opened:
        streams = [_stream(web, cookie, opened) for _ in range(60)]
        threads = psutil.Process(process.pid).num_threads()

        slowest = max(_send(web, key, number) for number in range(20))

        visitor = desk.client_of(person)
        visitor.get("/desk/held")
        visitor.post(f"/desk/comments/{comment.id}/decisions?view=held", {"action": "approve"})
        told = [_read_until(stream, f'"{comment.id}":['.encode(), 5.0) for stream in streams]
        assert psutil.Process(process.pid).num_threads() - threads <= 2
    assert slowest < 1.0
    assert all(told)
    with capsys.disabled():
        print(f"\nwith 60 open desks the slowest of 20 comments was accepted in {slowest * 1000:.0f} ms")


def test_a_stream_ends_in_time_and_the_pages_that_left_are_forgotten(desk, monkeypatch):
    monkeypatch.setattr(live, "TICK_SECONDS", 0.02)
    served = live.Live(desk.database)
    ours, theirs = socket.socketpair()
    gone, left = socket.socketpair()
    served.add(live._Stream(ours, "p", frozenset(), ends_at=time.monotonic() + 0.2))
    served.add(live._Stream(gone, "q", frozenset(), ends_at=time.monotonic() + 60))
    left.close()

    theirs.settimeout(5)
    heard = theirs.recv(4096)
    while chunk := theirs.recv(4096):
        heard += chunk

    assert b"event: beat" in heard
    assert served._streams == []
    theirs.close()


def test_a_stream_tells_of_its_persons_sites_alone(desk, monkeypatch):
    monkeypatch.setattr(live, "TICK_SECONDS", 0.02)
    comment = desk.add_comment("Fool")
    served = live.Live(desk.database)
    pairs = {name: socket.socketpair() for name in ("theirs", "others")}
    for name, site_ids in (("theirs", {desk.site.id}), ("others", {"another site"})):
        served.add(
            live._Stream(
                pairs[name][0], "p", frozenset(site_ids), ends_at=time.monotonic() + 2, beats_at=1e12
            )
        )
    visitor = desk.client_of(desk.add_person())
    visitor.get("/desk/held")

    visitor.post(f"/desk/comments/{comment.id}/decisions?view=held", {"action": "approve"})

    heard = {}
    for name, (_, end) in pairs.items():
        heard[name] = b""
        while chunk := end.recv(4096):
            heard[name] += chunk
        end.close()
    assert comment.id.encode() in heard["theirs"]
    assert b"Fool" not in heard["theirs"]
    assert heard["others"] == b""


def test_another_server_says_that_there_is_no_stream(desk):
    comment = desk.add_comment("Fool")
    visitor = desk.client_of(desk.add_person())

    assert visitor.get("/desk/live").status_code == 204
    assert desk.status_of(comment) == "held"
    with desk.database.reading() as session:
        assert session.get_one(Comment, comment.id).opened_by is None


def _signed_in(web: Processes, email: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    connection.request("GET", "/desk/sign-in")
    answer = connection.getresponse()
    token, cookie = token_in(answer.read().decode()), _cookie_of(answer)
    form = urlencode({"email": email, "password": PASSWORD, "csrf_token": token})
    connection.request("POST", "/desk/sign-in", form,
                       {"cookie": cookie, "content-type": "application/x-www-form-urlencoded"})  # fmt: skip
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return _cookie_of(answer)


def _cookie_of(answer) -> str:
    jar = SimpleCookie(answer.headers["set-cookie"])
    return "; ".join(f"{name}={one.value}" for name, one in jar.items())


def _stream(web: Processes, cookie: str, opened: contextlib.ExitStack):
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    opened.callback(connection.close)
    connection.request("GET", "/desk/live", headers={"cookie": cookie})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert answer.headers["content-type"].startswith("text/event-stream")
    opened.callback(answer.close)
    return answer


def _send(web: Processes, key: str, number: int) -> float:
    web.site_key = key
    begun = time.monotonic()
    status, _ = web.comment(f"Number {number}", email=f"a{number}@example.com")
    assert status == 202
    return time.monotonic() - begun


def _read_until(answer, wanted: bytes, seconds: float) -> bool:
    until, heard = time.monotonic() + seconds, b""
    while time.monotonic() < until:
        heard += answer.readline()
        if wanted in heard:
            return True
    return False
