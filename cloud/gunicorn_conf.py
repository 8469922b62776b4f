"""How gunicorn runs the web app. Everything that differs between machines is a setting of gunicorn's own."""

import os
from typing import Any

bind = os.environ.get("RINGSLOT_HTTP", "127.0.0.1:8000")
workers = max(2, os.cpu_count() or 1)
worker_class = "gthread"
threads = 4  # a request waits for the disk more than for the processor
keepalive = 30  # seconds
timeout = 30
graceful_timeout = 10
limit_request_line = 2048
limit_request_fields = 64
accesslog = None  # logs.py writes a better one: these lines would name claims and locks
logger_class = "cloud.logs.Gunicorn"
control_socket_disable = (
    True  # a socket in the home folder that nobody asked for, one for all clouds of a machine
)


def on_starting(_server: Any) -> None:
    """Before any worker: a setting that is missing stops gunicorn itself, rather than every new worker for ever."""
    from cloud import config, start

    start.require(config.from_environment())
