"""The calls to Below the Line: plain HTTP and JSON, no client library needed."""

import time
from dataclasses import dataclass, field
from typing import Any

import requests

# Seconds to connect, seconds to wait for the answer: a reader must not wait longer for us.
PATIENCE = (2.0, 6.0)
# A page is shown without a token rather than late.
TOKEN_PATIENCE = (0.2, 0.5)
# Seconds that one token serves all readers, and seconds of rest after a call that failed.
TOKEN_SERVES, TOKEN_RESTS = 1.0, 10.0


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
        self._token, self._ask_again_at = "", 0.0

    def send_comment(self, comment: dict[str, Any], idempotency_key: str) -> Answer:
        """Hand a comment in. With the same key and comment, a second call changes nothing."""
        return self._call("POST", "/v1/comments", comment, idempotency_key=idempotency_key)

    def form_token(self) -> str:
        """When a form is shown, signed: sent back with the comment, it tells how long somebody wrote.

        :return: empty when the API does not answer at once; then a comment goes out without.
        """
        if time.monotonic() >= self._ask_again_at:
            answer = self._call("POST", "/v1/form-token", patience=TOKEN_PATIENCE)
            self._token = str(answer.body.get("form_token", ""))
            self._ask_again_at = time.monotonic() + (TOKEN_SERVES if self._token else TOKEN_RESTS)
        return self._token

    def edit(self, comment_id: str, body: str) -> Answer:
        """Send a new version. What readers see stays until it has been judged."""
        return self._call("PUT", f"/v1/comments/{comment_id}", {"body": body})

    def withdraw(self, comment_id: str) -> Answer:
        return self._call("DELETE", f"/v1/comments/{comment_id}")

    def report(self, comment_id: str, report: dict[str, Any]) -> Answer:
        return self._call("POST", f"/v1/comments/{comment_id}/reports", report)

    def appeal(self, comment_id: str, appeal: dict[str, Any]) -> Answer:
        return self._call("POST", f"/v1/comments/{comment_id}/appeals", appeal)

    def _call(
        self,
        method: str,
        path: str,
        document: dict[str, Any] | None = None,
        *,
        idempotency_key: str = "",
        patience: tuple[float, float] = PATIENCE,
    ) -> Answer:
        headers = dict(self._headers)
        if idempotency_key:
            headers["Idempotency-Key"] = f'"{idempotency_key}"'
        try:
            response = requests.request(
                method,
                self._api_url + path,
                json=document,
                headers=headers,
                timeout=patience,
                allow_redirects=False,
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
