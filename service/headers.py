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

    always = dict(_ALWAYS)
    if https:
        always["Strict-Transport-Security"] = "max-age=31536000"
    by_name = [(name.lower(), name, value) for name, value in always.items()]

    @app.after_request
    def put(response: Response) -> Response:
        headers = response.headers
        # One look through what is there: asking for each name reads all of them each time.
        there = {name.lower() for name, _ in headers}
        for lower, name, value in by_name:
            if lower not in there:
                headers.add(name, value)
        if response.status_code == 204:
            headers.pop("Content-Type", None)
        return response
