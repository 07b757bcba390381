"""A small TCP proxy that can stand in the way: silent, gone, or breaking every connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading


class Proxy:
    """Forwards to a port of this machine, until told otherwise.

    ``passing``; ``silent``: takes connections and bytes, and nothing ever comes back (a black hole);
    ``gone``: nobody listens; ``resetting``: every connection is broken (RST).
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._mode = "passing"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def set(self, mode: str) -> None:
        """:param mode: see the class."""
        with self._lock:
            was, self._mode = self._mode, mode
            if mode == "gone":
                self._hang_up(self._listener)
            elif was == "gone":
                self._listener = self._listen(self.port)
            if mode in ("gone", "resetting") or was == "silent":
                for one in list(self._open):
                    self._break(one)

    def close(self) -> None:
        self.set("gone")

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self._open.add(near)
            if self._mode == "resetting":
                self._break(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._to_port), timeout=5)
                far.settimeout(None)
            except OSError:
                self._break(near)
                continue
            self._open.add(far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._mode == "passing":
                    sink.sendall(data)
        for one in (source, sink):
            if one in self._open:
                self._hang_up(one)

    def _break(self, one: socket.socket) -> None:
        self._open.discard(one)
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RD)  # wakes the thread that reads it, and tells the other side nothing
        one.close()  # which says RST

    def _hang_up(self, one: socket.socket) -> None:
        self._open.discard(one)
        # Closing alone would leave a thread that waits on it waiting.
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
