"""The calls to Below the Line: plain HTTP and JSON, no client library needed."""

from dataclasses import dataclass, field
from typing import Any

import requests

# Seconds to connect, seconds to wait for the answer: a reader must not wait longer for us.
PATIENCE = (2.0, 6.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a call.

    :param outcome: ``taken``; ``faulty`` (the reader can mend it); ``refused`` (nobody can: comments are
        closed, say); ``busy`` (rate limit); ``unreachable`` (down, timed out, wrong key: not their fault).
    :param faults: field -> what is wrong with it, for ``faulty``.
    :param detail: a sentence for the reader, for ``faulty`` and ``refused``.
    """

    outcome: str
    body: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    detail: str = ""


class BelowTheLine:
    """One site's view of the API.

    :param api_url: e.g. ``http://127.0.0.1:8000``.
    :param site_key: sent as a bearer token from this server, never to a browser.
    """

    def __init__(self, api_url: str, site_key: str) -> None:
        self._api_url = api_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {site_key}"}

    def send_comment(self, comment: dict[str, Any], idempotency_key: str) -> Answer:
        """Hand a comment in. With the same key and comment, a second call changes nothing."""
        return self._post("/v1/comments", comment, idempotency_key)

    def report(self, comment_id: str, report: dict[str, Any]) -> Answer:
        return self._post(f"/v1/comments/{comment_id}/reports", report)

    def appeal(self, comment_id: str, appeal: dict[str, Any]) -> Answer:
        return self._post(f"/v1/comments/{comment_id}/appeals", appeal)

    def _post(self, path: str, document: dict[str, Any], idempotency_key: str = "") -> Answer:
        headers = dict(self._headers)
        if idempotency_key:
            headers["Idempotency-Key"] = f'"{idempotency_key}"'
        try:
            response = requests.post(
                self._api_url + path, json=document, headers=headers, timeout=PATIENCE, allow_redirects=False
            )
        except requests.RequestException:
            return Answer("unreachable")
        return _read(response)


def _read(response: requests.Response) -> Answer:
    try:
        body = response.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if response.ok:
        return Answer("taken", body)
    problem = str(body.get("type", "")).rpartition("#")[2]
    if problem == "already-received":
        # An earlier try got through although its answer did not.
        return Answer("taken")
    if response.status_code == 429 or problem == "in-flight":
        return Answer("busy")
    if response.status_code in (401, 403) or response.status_code >= 500:
        return Answer("unreachable")
    faults = {
        str(fault.get("pointer", "")).removeprefix("#").strip("/"): str(fault.get("detail", ""))
        for fault in body.get("errors", [])
        if isinstance(fault, dict)
    }
    detail = str(body.get("detail") or body.get("title") or "")
    return Answer("faulty" if faults else "refused", body, faults, detail)
