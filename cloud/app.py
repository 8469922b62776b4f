"""The web app, made by a factory from settings that are handed in."""

import logging
from collections.abc import Callable

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from cloud import audit, auth, body, context, describe, logs, metrics, oauth, problem, routes
from cloud.config import Settings

log = logging.getLogger(__name__)

HEADERS = {
    # no script, style or frame of anyone else's, and none inline: text from a lock or a name cannot become one
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(settings: Settings, now: Callable[[], int] = context.unix_now) -> Flask:
    """Raises RuntimeError when a route does not say who may call it."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = body.LIMIT + 1  # one more: body.py tells a full body from a cut one
    app.url_map.merge_slashes = False  # one address a thing; the router would redirect
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["ringslot"] = context.make(settings, now)
    if not settings.staff_second_factor:
        log.warning(
            "RINGSLOT_STAFF_SECOND_FACTOR is off: a password alone opens the console. For tests and demos only."
        )
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]
    logs.install(app)
    metrics.install(app)
    problem.install(app)
    routes.install(app)
    describe.install(app)
    auth.install(app)
    audit.install(app)
    oauth.install(app)
    app.after_request(_headers)
    return app


def _headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        if name != "Cache-Control" or not request.path.startswith("/static/"):
            response.headers[name] = value
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
