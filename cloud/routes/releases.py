"""Releases of the locks' own code: taken once, as the release keys signed them; and what of them a phone may carry."""

from flask import Blueprint, request

from cloud import body, locks, releases, rollouts, shapes, views
from cloud.auth import STAFF, allow, cloud, me, platform, reach
from cloud.describe import Page, answers, paged, takes_files
from cloud.problem import Problem
from protocol import manifest, update

routes = Blueprint("releases", __name__, url_prefix="/api/v1")

PARTS = 256  # a list of 8 KiB names fewer files
BODY_MAX = manifest.FILES_SIZE_MAX + manifest.LIMIT + PARTS * 512  # with the lines between them


@routes.post("/releases")
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


@routes.get("/releases")
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


@routes.get("/locks/<id8:lock_id>/release")
@allow(*STAFF)
@answers(problems=("none_offered",))
def offered(lock_id: str) -> shapes.ReleaseOffered:
    """The release that a technician's phone may carry to this lock: the one that a running rollout has for it.

    The lock counts as offered it from now on, so that what becomes of it counts in the rollout."""
    with cloud().db.writing() as session:
        row = rollouts.offer_phone(session, locks.find(session, reach(), lock_id), cloud().now())
        entries = releases.read(row.manifest)[1]
    files = {digest: size for _, size, digest in entries}  # two paths may be one file
    return {
        "board": row.board,
        "version": row.version,
        "digest": row.digest.hex(),
        "manifest": body.b64(row.manifest),
        "files": [{"name": digest[: update.NAME].hex(), "size": size} for digest, size in files.items()],
    }


@routes.get("/locks/<id8:lock_id>/release/files/<id4:file_name>")
@allow(*STAFF)
@answers(problems=("none_offered",))
def file(lock_id: str, file_name: str) -> shapes.ReleaseFile:
    """One of its files."""
    with cloud().db.reading() as session:
        rollout = rollouts.for_phone(session, locks.find(session, reach(), lock_id))
        row = releases.get(session, rollout.board, rollout.version)
        data = releases.body(session, row, bytes.fromhex(file_name))
    if data is None:
        raise Problem("not_found")
    return {"name": file_name, "data": body.b64(data)}
