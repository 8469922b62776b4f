"""Releases of the locks' own code: taken once, as the release keys signed them."""

from flask import Blueprint, request

from cloud import body, releases, shapes, views
from cloud.auth import STAFF, allow, cloud, me, platform
from cloud.describe import Page, answers, paged, takes_files
from cloud.problem import Problem
from protocol import manifest

routes = Blueprint("releases", __name__, url_prefix="/api/v1/releases")

PARTS = 256  # a list of 8 KiB names fewer files
BODY_MAX = manifest.FILES_SIZE_MAX + manifest.LIMIT + PARTS * 512  # with the lines between them


@routes.post("")
@platform
@allow("admin", scope="platform:write")
@takes_files(BODY_MAX, manifest=1, file=PARTS)
@answers(201, problems=("release_refused", "release_taken", "no_keyset"))
def take() -> shapes.Release:
    """Upload a release as it was signed.

    multipart/form-data (RFC 7578): one part `manifest`, and a part `file` for each, in any order and by any name.
    """
    heads, files = request.files.getlist("manifest"), request.files.getlist("file")
    if len(heads) != 1 or request.form or set(request.files) - {"manifest", "file"}:
        raise Problem("not_multipart")
    raw = heads[0].stream.read(manifest.LIMIT + 1)
    with cloud().db.writing() as session:
        row = releases.take(session, raw, (file.stream.read() for file in files), cloud().now(), me().user_id)
        return views.release(row)


@routes.get("")
@platform
@allow(*STAFF, scope="platform:read")
@paged(body.integer(), body.board, body.integer())
@answers()
def newest(page: Page) -> shapes.Releases:
    """Releases, newest first."""
    with cloud().db.reading() as session:
        found = releases.newest(session, page.after, page.fetch)
    rows, following = page.cut(found, lambda row: (row.taken_at, row.board, row.version))
    return {"releases": [views.release(row) for row in rows], "next": following}
