"""The proxy that stands in the way does what its modes say, also to connections that are open already."""

import contextlib
import socket
import threading

import pytest

from tests.chaos.proxy import Proxy


@pytest.fixture
def proxy():
    """A proxy to a server that repeats what it hears."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=repeat, args=(line,), daemon=True).start()

    def repeat(line):
        with line, contextlib.suppress(OSError):
            while data := line.recv(100):
                line.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    made = Proxy(server.getsockname()[1])
    yield made
    made.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.fixture
def call(proxy):
    lines = []

    def call():
        line = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
        lines.append(line)
        return line

    yield call
    for line in lines:
        line.close()


def said_back(line, words=b"hello"):
    line.sendall(words)
    return line.recv(100)


def test_it_passes_on(call):
    line = call()

    assert said_back(line) == b"hello"
    assert said_back(line, b"again") == b"again"


def test_silent_takes_everything_and_answers_nothing(proxy, call):
    old = call()
    assert said_back(old) == b"hello"
    proxy.set("silent")
    new = call()

    for line in (old, new):
        line.sendall(b"hello")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(100)


def test_gone_breaks_what_is_open_and_refuses_what_comes(proxy, call):
    line = call()
    assert said_back(line) == b"hello"

    proxy.set("gone")

    with pytest.raises(OSError):
        call()
    # A closed connection shows as an error, or as an end without an answer: the kernel decides which.
    with contextlib.suppress(ConnectionError):
        assert said_back(line) == b""
    proxy.set("passing")
    assert said_back(call()) == b"hello"


def test_resetting_breaks_every_connection(proxy, call):
    proxy.set("resetting")

    with pytest.raises(ConnectionError):
        said_back(call())
    proxy.set("passing")
    assert said_back(call()) == b"hello"
