"""A webhook receiver in Python, with Flask: copy `verify` and `take_over` into your site.

    BTL_WEBHOOK_SECRET=whsec_… COMMENTS_DIR=comments PORT=9000 python receiver.py

It keeps one JSON file for each comment where your site would have a row; docs/webhooks.md has the events.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import threading
import time
from pathlib import Path

from flask import Flask, request

SECRET = base64.b64decode(os.environ["BTL_WEBHOOK_SECRET"].removeprefix("whsec_"))
COMMENTS = Path(os.environ.get("COMMENTS_DIR", "comments"))
app = Flask(__name__)
one_at_a_time = threading.Lock()  # your database's transaction does this


def verify(headers, body: bytes) -> bool:
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > 300:
        return False  # too old, or a clock that is wrong
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    # Several signatures, space-separated, while a secret is being changed. Compared in constant time.
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def take_over(event: dict) -> None:
    """Once and in order: an event whose sequence is not newer than the last one is a repeat or came late."""
    data = event["data"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", data["id"]):
        raise ValueError("not an id")
    path = COMMENTS / f"{data['id']}.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {"sequence": 0}
    if data["sequence"] <= known["sequence"]:
        return
    comment = known | {"sequence": data["sequence"], "status": data["status"]}
    if event["type"] in ("comment.approved", "comment.edited"):
        comment |= {"name": data["name"], "body": data["body"]}  # publish, or replace
    elif event["type"] != "appeal.decided":
        comment.pop("name", None)  # take down, and do not keep what must not be read
        comment.pop("body", None)
    COMMENTS.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(comment, ensure_ascii=False), "utf-8")
    new.replace(path)


@app.post("/webhooks")
def webhooks():
    body = request.get_data()
    if not verify(request.headers, body):
        return "", 401
    event = json.loads(body)
    if event["type"].startswith(("comment.", "appeal.")):
        with one_at_a_time:
            take_over(event)
    return "", 204  # only now: anything else makes the sender try again


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "9000")))
