"""A worker outlives the loss of its broker, whatever it had under way."""

import kombu
import pytest

from tests.chaos.proxy import Proxy
from worker import broker_loss


@pytest.fixture
def way(redis_url):
    """A proxy to Redis, and the address through it."""
    port = int(redis_url.rsplit(":", 1)[1].split("/")[0])
    proxy = Proxy(port)
    yield proxy, redis_url.replace(f":{port}", f":{proxy.port}")
    proxy.close()


def test_a_message_that_was_under_way_when_the_broker_went_is_forgotten_without_a_crash(way):
    proxy, url = way
    connection = kombu.Connection(url, transport_options={"socket_timeout": 2})
    queue = connection.SimpleQueue("broker-loss")
    queue.put("nudge")
    message = queue.get(timeout=5)
    channel = message.channel
    assert isinstance(channel.qos, broker_loss.ForgivingQoS)

    proxy.set("gone")
    connection.release()
    # As the worker's loop finds it: the pools are gone, and the transport has forgotten its address.
    channel._disconnect_pools()
    channel.connection.client = None
    with pytest.raises(AttributeError):
        channel._connparams()
    channel.qos.restore_unacked()
    channel.qos.ack(message.delivery_tag)
    channel.qos.reject(message.delivery_tag)

    assert not channel.qos._delivered
