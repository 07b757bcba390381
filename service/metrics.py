"""What Prometheus counts of the web door.

With ``PROMETHEUS_MULTIPROC_DIR`` set, all processes of the door are counted together; without it a
scrape would see one of them, and figures many times too low.
"""

from __future__ import annotations

from prometheus_client import Counter, Histogram

#: Fixed names of methods only, routes only by their rules: a stranger must not make new time series.
REQUESTS = Counter("btl_requests", "Requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "btl_request_seconds",
    "Seconds from a request's first line to its answer",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30),
)
COMMENTS = Counter("btl_comments_received", "Comments accepted", ["way"])
