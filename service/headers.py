"""What every answer tells the browser not to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: No inline script or style anywhere, nothing from elsewhere, no frame around us.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def register(app: Flask, *, https: bool) -> None:
    """Add to every answer what it does not say itself; around the application, where that costs least.

    :param https: people come by https alone: tell the browser to remember that.
    """
    always = dict(_ALWAYS)
    if https:
        always["Strict-Transport-Security"] = "max-age=31536000"
    by_name = {name.lower(): (name, value) for name, value in always.items()}
    inner = app.wsgi_app

    def with_headers(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *fault: Any) -> Callable[[bytes], object]:
            there = {name.lower() for name, _ in headers}
            headers = [*headers, *(line for name, line in by_name.items() if name not in there)]
            if status.startswith("204"):
                headers = [line for line in headers if line[0].lower() != "content-type"]
            return start_response(status, headers, *fault)

        return inner(environ, start)

    app.wsgi_app = with_headers  # type: ignore[method-assign]
