"""A receiver with the public library accepts what we sign, and nothing else."""

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from moderation import signing

BODY = '{"type":"comment.approved","data":{"body":"Grüße 👋"}}'.encode()
ID = "01KB5Z1V8Q3T9W4Y6N2M7P0RSA"


def headers(secrets, at):
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(at),
        "webhook-signature": signing.sign(secrets, ID, at, BODY),
    }


def test_the_public_library_verifies_what_we_sign():
    secret = signing.new_secret()

    message = Webhook(secret).verify(BODY, headers([secret], int(time.time())))

    assert message["data"]["body"] == "Grüße 👋"


def test_during_a_rotation_receivers_with_the_old_and_with_the_new_secret_both_accept():
    old, new = signing.new_secret(), signing.new_secret()
    sent = headers([new, old], int(time.time()))

    assert Webhook(old).verify(BODY, sent) == Webhook(new).verify(BODY, sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_secret()).verify(BODY, sent)


def test_we_verify_what_the_public_library_signs():
    from datetime import UTC, datetime

    secret, at = signing.new_secret(), int(time.time())
    signature = Webhook(secret).sign(ID, datetime.fromtimestamp(at, UTC), BODY.decode())

    signing.verify([secret], webhook_id=ID, timestamp=str(at), signature=signature, body=BODY, now=at)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"body": BODY + b" "}, "no signature matches"),
        ({"webhook_id": "another"}, "no signature matches"),
        ({"now": 1_000_301}, "too far from now"),
        ({"now": 999_699}, "too far from now"),
        ({"timestamp": "yesterday"}, "not a Unix time"),
        ({"timestamp": "9" * 5000}, "not a Unix time"),
        ({"timestamp": "1_000_000"}, "not a Unix time"),
        ({"signature": ""}, "no signature matches"),
        ({"signature": "v1,ü"}, "no signature matches"),
        ({"signature": "v2,AAAA v1a,BBBB"}, "no signature matches"),
    ],
)
def test_a_message_that_was_changed_replayed_or_garbled_is_refused(change, says):
    secret, at = signing.new_secret(), 1_000_000
    message = {
        "webhook_id": ID,
        "timestamp": str(at),
        "signature": signing.sign([secret], ID, at, BODY),
        "body": BODY,
        "now": at + 300,
    }
    signing.verify([secret], **message)

    with pytest.raises(signing.SignatureRefused, match=says):
        signing.verify([secret], **{**message, **change})


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_ünïcode",
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_not base64 at all, though it is long enough",
    ],
)
def test_a_malformed_secret_is_named_as_such_and_never_shown(secret):
    with pytest.raises(ValueError, match="base64 of 24 to 64") as refused:
        signing.sign([secret], ID, 1, BODY)

    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(refused.value)


def test_an_id_with_a_dot_is_refused_because_the_dot_separates():
    with pytest.raises(ValueError, match="without a dot"):
        signing.sign([signing.new_secret()], "a.b", 1, BODY)
