"""A comment's whole life through real processes: posted, judged, delivered, edited, erased."""

from __future__ import annotations

import pytest
import standardwebhooks

from tests.processes import processes, wait_until
from tests.receiver import receiving

pytestmark = pytest.mark.processes

EMAIL = "hedwig.zirkonquark@example.com"
IP = "203.0.113.77"
FINE = "The new ferry timetable is a real improvement, thank you for the clear article."
SPAM = "Earn $5000 a day with bitcoin!!! Click https://best-crypto-profits.top/join now, guaranteed returns"


@pytest.fixture(params=["sqlite", "postgresql"])
def parts(request, tmp_path, redis_url):
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    with (
        receiving() as receiver,
        processes(tmp_path / "stack", url, redis_url, BTL_WEBHOOK_ALLOWED_HOSTS=receiver.host) as made,
    ):
        made.prepare(receiver.url)
        made.start("web", "score", "deliver", "beat")
        made.wait_ready()
        yield made, receiver


def test_the_whole_life(parts):
    stack, receiver = parts

    status, fine = stack.comment(
        FINE, email=EMAIL, ip=IP, external_id="c-1", article={"id": "ferry", "title": "Ferry"}
    )
    _, spam = stack.comment(SPAM, name="Crypto King", email="king@best-crypto-profits.top")
    assert status == 202

    wait_until(lambda: len(receiver.got) >= 2, "two webhooks")
    told = {got.message["data"]["id"]: got for got in receiver.got}
    webhook = standardwebhooks.Webhook(stack.webhook_secret)
    for got in receiver.got:
        webhook.verify(got.body, got.headers)
    assert told[fine["id"]].message["type"] == "comment.approved"
    assert told[fine["id"]].message["data"]["body"] == FINE
    assert told[spam["id"]].message["type"] in ("comment.rejected", "comment.held")

    whole = stack.read(fine["id"])
    assert whole["status"] == "approved"
    assert set(whole["scores"]) >= {"spam", "toxicity"}

    # taken down by the site, told to the receiver
    status, _ = stack.post(
        f"/v1/comments/{fine['id']}/decisions", {"action": "reject", "reason_code": "OTHER"}
    )
    assert status in (200, 201)
    wait_until(
        lambda: any(g.message["type"] == "comment.retracted" for g in receiver.got), "comment.retracted", 40
    )

    # erased: told, and nowhere any more
    status, _ = stack.post("/v1/erasures", {"email": EMAIL})
    assert status in (200, 201, 202)
    wait_until(lambda: any(g.message["type"] == "comment.erased" for g in receiver.got), "comment.erased", 40)
    sequences = [g.message["data"]["sequence"] for g in receiver.got if g.message["data"]["id"] == fine["id"]]
    assert sequences == sorted(sequences)

    # readers' addresses were in no log and in no event
    written = stack.logs() + "".join(got.body.decode() for got in receiver.got)
    for secret in (EMAIL, "king@best-crypto-profits.top", IP, stack.site_key, stack.webhook_secret):
        assert secret not in written
    assert FINE not in stack.logs()
