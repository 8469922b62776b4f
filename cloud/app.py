"""The web app, made by a factory from settings that are handed in."""

import logging
from collections.abc import Callable

from flask import Flask, Response, current_app, request
from werkzeug.middleware.proxy_fix import ProxyFix

from cloud import audit, auth, body, context, describe, logs, metrics, oauth, problem, rates, routes, scripts
from cloud.config import Settings

log = logging.getLogger(__name__)

HEADERS = {
    # no script, style or frame of anyone else's, and none inline: text from a lock or a name cannot become one
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{tiles}; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(settings: Settings, now: Callable[[], int] = context.unix_now) -> Flask:
    """Raises RuntimeError when a route does not say who may call it."""
    app = scripts.Site(__name__)
    app.config["MAX_CONTENT_LENGTH"] = body.LIMIT + 1  # one more: body.py tells a full body from a cut one
    app.url_map.merge_slashes = False  # one address a thing; the router would redirect
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["ringslot"] = context.make(settings, now)
    app.extensions["ringslot_rates"] = rates.Rate(settings.rate_address), rates.Rate(settings.rate_caller)
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
    app.before_request(_not_too_fast_address)
    auth.install(app)
    app.before_request(_not_too_fast_caller)
    audit.install(app)
    oauth.install(app)
    app.after_request(_headers)
    return app


def _not_too_fast_address() -> None:
    """Before anybody's token is looked at. Raises Problem too_fast."""
    if request.path.startswith("/api/"):
        _take(current_app.extensions["ringslot_rates"][0], rates.of_address(request.remote_addr))


def _not_too_fast_caller() -> None:
    """Raises Problem too_fast."""
    person = auth.caller()
    if person is not None and request.path.startswith("/api/"):
        _take(current_app.extensions["ringslot_rates"][1], person.user_id)


def _take(rate: rates.Rate, subject: str) -> None:
    wait = rate.take(subject, auth.cloud().now())
    if wait:
        raise problem.Problem("too_fast", headers={"Retry-After": str(wait)})


def _headers(response: Response) -> Response:
    tiles = auth.cloud().settings.tiles.origin
    for name, value in HEADERS.items():
        value = value.replace("{tiles}", f" {tiles}" if tiles else "")
        if name != "Cache-Control" or not request.path.startswith("/static/"):
            response.headers[name] = value
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
