"""For whatever watches over the cloud: is the process alive, can it do its work."""

from flask import Blueprint, Response, jsonify

from cloud import health
from cloud.auth import cloud, public

routes = Blueprint("health", __name__)


@routes.get("/healthz")
@public
def healthz() -> Response:
    """This process answers. Asks nobody else: a database that is away is no reason to start it again."""
    return jsonify({"status": "ok"})


@routes.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Everything that the cloud's work takes is there; else 503, and what is missing is false."""
    found = health.look(cloud())
    ready = all(found.values())
    return jsonify({"status": "ready" if ready else "not ready", "checks": found}), 200 if ready else 503
