"""Rides, locks and fixes to take away, streamed. Each export is written into the audit log."""

from datetime import UTC, datetime

from flask import Blueprint, Response

from cloud import body, exports
from cloud.audit import audited
from cloud.auth import allow, cloud, reach
from cloud.describe import Fields, answers, asks

routes = Blueprint("exports", __name__, url_prefix="/api/v1/exports")

WRITERS = {"csv": (exports.CSV, exports.as_csv), "geojson": (exports.GEOJSON, exports.as_geojson)}
MONTH_S = 31 * 86400  # unless asked for
TIME = body.integer()


@routes.get("/<exported:what>.<form:form>")
@allow("admin", scope="tracks:read")
@audited
@asks(since=TIME, until=TIME, lock=body.hex_of(8))
@answers(200, exports.CSV, exports.GEOJSON)
def export(what: str, form: str, asked: Fields) -> Response:
    """Take away rides, locks or fixes, as CSV or GeoJSON.

    The last 31 days unless asked for, by when a ride began and a fix was taken; locks as they are now. A million rows
    at most. Text that a spreadsheet would take for a formula has an apostrophe in front.
    """
    until = asked["until"] or cloud().now() + 1
    since = asked["since"] if asked["since"] is not None else max(0, until - MONTH_S)
    wanted = exports.Wanted(since, until, asked["lock"])
    kind, media = exports.EXPORTS[what], WRITERS[form]
    pages = exports.rows(cloud(), kind, reach(), wanted, tracks=form == "geojson")
    name = f"{what}-{datetime.fromtimestamp(until, UTC):%Y-%m-%d}.{form}"
    answer = Response(media[1](kind, pages), mimetype=media[0])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
