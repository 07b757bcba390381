"""What every answer tells the browser not to do."""

from __future__ import annotations

from flask import Flask, Response

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
    """:param https: people come by https alone: tell the browser to remember that."""

    @app.after_request
    def put(response: Response) -> Response:
        headers = response.headers
        headers.extend((name, value) for name, value in _ALWAYS.items() if name not in headers)
        if response.status_code == 204:
            response.headers.pop("Content-Type", None)
        if https:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response
