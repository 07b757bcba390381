"""Clients that others wrote, pointed at a running server: from PyPI here, from npm below."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import akismet
import httpx
import openai
import pytest
import standardwebhooks
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from moderation.signing import sign

from .conftest import HAM, RUDE, SPAM, Server


def test_google_api_python_client(server):
    service = build(
        "commentanalyzer",
        "v1alpha1",
        developerKey=server.key,
        discoveryServiceUrl=f"{server.url}/$discovery/rest?version=v1alpha1",
        static_discovery=False,
    )
    document = {"comment": {"text": RUDE}, "requestedAttributes": {"TOXICITY": {}}, "doNotStore": True}

    analyzed = service.comments().analyze(body=document).execute()
    suggested = (
        service.comments()
        .suggestscore(
            body={"comment": {"text": HAM}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0}}}}
        )
        .execute()
    )
    with pytest.raises(HttpError) as refused:
        service.comments().analyze(body={"comment": {"text": ""}}).execute()
    service.close()

    assert analyzed["attributeScores"]["TOXICITY"]["summaryScore"]["value"] > 0.7
    assert suggested["detectedLanguages"] == ["en"]
    assert refused.value.status_code == 400
    assert refused.value.error_details[0]["errorType"] == "COMMENT_EMPTY"


class _ToUs(httpx.HTTPTransport):
    """What an operator does with DNS: the client's own address is ours, the key's own name included."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/key-sites"):
            # this client forgets to say its key there, and rest.akismet.com answers "invalid" as well
            request.headers["Host"] = f"{self.server.akismet_key}.rest.akismet.com"
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.server.port)
        return super().handle_request(request)


def test_akismet(server):
    config = akismet.Config(key=server.akismet_key, url="https://news.example/")
    with (
        httpx.Client(transport=_ToUs(server), timeout=20) as http,
        akismet.SyncClient.validated_client(config=config, http_client=http) as client,
    ):
        author = {"comment_author": "viagra-test-123", "comment_content": HAM}
        guaranteed = client.comment_check(user_ip="203.0.113.7", **author)
        spam = client.comment_check(user_ip="203.0.113.7", comment_content=SPAM, comment_type="comment")
        ham = client.comment_check(user_ip="203.0.113.7", comment_content=HAM, comment_author="Ann")
        submitted = [
            client.submit_spam(user_ip="203.0.113.7", comment_content=SPAM),
            client.submit_ham(user_ip="203.0.113.7", comment_content=HAM),
        ]
        usage, sites = client.usage_limit(), client.key_sites(order="total")
        table = client.key_sites(result_format="csv")
        wrong = client.verify_key(key="wrongwrong12", url="https://news.example/")

    assert guaranteed == akismet.CheckResponse.SPAM
    assert spam in (akismet.CheckResponse.SPAM, akismet.CheckResponse.DISCARD)
    assert ham == akismet.CheckResponse.HAM
    assert submitted == [True, True]
    assert usage["limit"] == "none"
    assert sites["limit"] == 500
    assert table.startswith("Active sites")
    assert wrong is False


def test_akismet_with_a_wrong_key(server):
    config = akismet.Config(key="wrongwrong12", url="https://news.example/")
    with httpx.Client(transport=_ToUs(server), timeout=20) as http, pytest.raises(akismet.APIKeyError):
        akismet.SyncClient.validated_client(config=config, http_client=http)


def test_openai(server):
    with openai.OpenAI(api_key=server.key, base_url=f"{server.url}/v1", max_retries=0) as client:
        one = client.moderations.create(input=RUDE)
        many = client.moderations.create(input=[RUDE, HAM], model="omni-moderation-latest")
        parts = client.moderations.create(
            input=[{"type": "text", "text": RUDE}, {"type": "text", "text": HAM}]
        )
        image = [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
        with pytest.raises(openai.BadRequestError) as refused:
            client.moderations.create(input=image)
    with (
        openai.OpenAI(api_key="btl_wrong", base_url=f"{server.url}/v1", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.moderations.create(input=HAM)

    assert one.results[0].flagged
    assert one.results[0].categories.harassment
    assert one.results[0].category_scores.self_harm == 0.0
    assert one.results[0].category_applied_input_types.hate == ["text"]
    assert [result.flagged for result in many.results] == [True, False]
    assert len(parts.results) == 1
    assert refused.value.code == "image_input_not_supported"
    assert refused.value.param == "input[0]"


# -- from npm ----------------------------------------------------------------------------------------------


def test_npm_akismet_api(server, node):
    """The key is the first label of the host name and nowhere else."""
    got = node("akismet-api", f"http://rest.test:{server.port}", server.akismet_key)

    assert got == {
        "verified": True,
        "wrong": False,
        "guaranteed": True,
        "administrator": False,
        "honeypot": True,
        "spam": True,
        "ham": False,
        "submitted": ["Thanks for making the web a better place."] * 2,
        "refused": {"status": None, "message": "Invalid API key", "code": None},
    }


def test_npm_cedx_akismet(server, node):
    """Throws at any debugging header, so a plain answer proves that there is none."""
    got = node("@cedx/akismet", server.url, server.akismet_key)

    spam = got.pop("spam")
    assert spam in ("spam", "pervasiveSpam")
    assert got == {
        "verified": True,
        "wrong": False,
        "guaranteed": "spam",
        "administrator": "ham",
        "ham": "ham",
    }


def test_npm_openai(server, node):
    got = node("openai", server.url, server.key)

    assert got["one"]["results"][0]["flagged"] is True
    assert len(got["one"]["results"][0]["categories"]) == 13
    assert [result["flagged"] for result in got["many"]["results"]] == [True, False]
    assert len(got["parts"]["results"]) == 1
    assert (got["image"]["status"], got["image"]["code"]) == (400, "image_input_not_supported")
    assert (got["wrong"]["status"], got["wrong"]["code"]) == (401, "invalid_api_key")


def test_npm_perspective_api_client(server, node):
    got = node("perspective-api-client", server.url, server.key)

    assert set(got["rude"]["attributeScores"]) == {"TOXICITY", "INSULT", "PROFANITY", "SPAM"}
    assert got["rude"]["attributeScores"]["TOXICITY"]["summaryScore"]["value"] > 0.7
    assert got["ham"]["attributeScores"]["TOXICITY"]["summaryScore"]["value"] < 0.3
    assert len(got["spans"]["attributeScores"]["TOXICITY"]["spanScores"]) >= 3
    assert got["unknown"]["message"] == "Unknown requested attribute: FLIRTATION"
    assert (got["wrong"]["status"], got["wrong"]["message"]) == (
        400,
        "API key not valid. Please pass a valid API key.",
    )


def test_standardwebhooks_from_pypi_and_npm_verify_what_we_sign(server, node):
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    body = json.dumps({"type": "ping", "timestamp": "2026-11-28T12:00:00Z", "data": {"text": "ünï😀"}})
    at = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(at),
        "webhook-signature": sign([secret], "evt_1", at, body.encode()),
    }

    by_npm = node("standardwebhooks", server.url, server.key, BTL_WEBHOOK=json.dumps([secret, headers, body]))

    assert standardwebhooks.Webhook(secret).verify(body, headers) == by_npm["told"] == json.loads(body)
    assert by_npm["changed"]["message"]
