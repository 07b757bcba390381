"""How gunicorn serves the web door, on one box and in compose alike.

``WEB_CONCURRENCY`` is gunicorn's own variable for the number of processes. There is no access log: the
application writes one line for each request, and a Perspective key in ``?key=`` must stand in no log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from moderation.settings import Settings

_settings = Settings.from_environment(os.environ)

bind = f"{_settings.host}:{_settings.port}"
worker_class = "gthread"
threads = 4
backlog = 512
timeout = 60
graceful_timeout = 20
# Longer than a reverse proxy keeps its own idle connections would race; shorter costs a handshake.
keepalive = 5
# A worker's heartbeat file on a disk that stalls would get the worker killed.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # nosec B108
# It would open a socket in the home directory, which a read-only container does not have.
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = _settings.log_level.lower()
proc_name = "btl web"

# A container's temporary folder is empty at each start, and prometheus_client makes none.
if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True, exist_ok=True)


def post_worker_init(_worker: Any) -> None:
    """Load the model aside: the process answers at once, and the first scored request does not wait."""
    from service.compat.scoring import warm

    warm()


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a process that is gone; its counters stay, as they must."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)
