"""A receiver may be slow, gone, broken or without end: the request ends in time and says what happened."""

import threading
import time

import pytest

from tests.receiver import answering, flooding, hanging, receiving, resetting, trickling


def test_connections_are_kept_alive(egress_to):
    with receiving(answering(200, b"thanks")) as receiver:
        egress = egress_to(receiver.host)

        for _ in range(20):
            assert egress.post(receiver.url, b"{}", {}).status == 200

    assert receiver.connections == 1


def test_an_idle_connection_that_the_receiver_closed_costs_no_attempt(egress_to):
    def once_per_connection(got, handler):
        if sum(other.peer == got.peer for other in receiver.got) > 1:
            return resetting(got, handler)
        return 200, {}, b""

    with receiving(once_per_connection) as receiver:
        egress = egress_to(receiver.host)

        answers = [egress.post(receiver.url, b"{}", {}).status for _ in range(3)]

    assert answers == [200, 200, 200]


def test_a_receiver_that_breaks_a_fresh_connection_is_asked_once(egress_to):
    with receiving(resetting) as receiver:
        answer = egress_to(receiver.host).post(receiver.url, b"{}", {})

    assert answer.error == "The connection broke before there was an answer."
    assert len(receiver.got) == 1


@pytest.mark.parametrize("behave", [hanging(30), trickling], ids=["silent", "a byte at a time"])
def test_a_slow_receiver_is_given_up_at_the_deadline(egress_to, behave):
    with receiving(behave) as receiver:
        began = time.monotonic()
        answer = egress_to(receiver.host).post(receiver.url, b"{}", {}, seconds=0.4)
        took = time.monotonic() - began

    assert answer.error == "No answer within 0.4 s."
    assert took < 10  # not thirty; how much less is the machine's business


def test_a_receiver_that_never_finishes_the_tls_handshake_is_given_up_at_the_deadline(egress_to):
    with receiving() as plain:  # speaks no TLS: it waits for a line that never ends
        answer = egress_to(plain.host).post(f"https://{plain.host}/", b"{}", {}, seconds=0.4)

    assert answer.status is None
    assert answer.error


def test_an_answer_of_a_gigabyte_is_hung_up_on(egress_to):
    with receiving(flooding) as receiver:
        answer = egress_to(receiver.host).post(receiver.url, b"{}", {})
        receiver.wait_for(lambda it: it._server.flooded >= 0)

    assert answer.status == 200
    assert receiver.flooded < 50_000_000  # what the kernel's buffers took, not the gigabyte


def test_nobody_there_is_said_in_words(egress_to, free_port):
    answer = egress_to(f"127.0.0.1:{free_port}").post(f"http://127.0.0.1:{free_port}/", b"{}", {})

    assert answer.error == "No connection: Connection refused."


def test_the_retry_after_header_is_handed_on(egress_to):
    with receiving(answering(429, retry_after="17")) as receiver:
        answer = egress_to(receiver.host).post(receiver.url, b"{}", {})

    assert (answer.status, answer.retry_after) == (429, "17")


def test_threads_share_one_egress(egress_to):
    with receiving() as receiver:
        egress = egress_to(receiver.host)
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.extend(egress.post(receiver.url, b"{}", {}) for _ in range(20))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [answer.status for answer in answers] == [204] * 160
    assert receiver.connections <= 8
