"""For tests: a ride as a lock tells of it, brought by its rider's phone."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from werkzeug.test import TestResponse

from cloud import claims, fixes, rides
from cloud.body import b64
from cloud.tables import IssuedToken
from cloud.testlock import Pen, proof, public
from cloud.testsite import NOW, Bike, Person, Site


def pen_of(bike: Bike) -> Pen:
    return Pen(bike.lock_id, bike.k_lock)


def bring(person: Person, *bodies: bytes) -> TestResponse:
    return person.post("/receipts", receipts=[b64(body) for body in bodies])


def ride(site: Site, bike: Bike, rider: Person) -> Pen:
    """A claimed ride of ten minutes, ended, brought by the rider; ten fixes came by uplink."""
    holder, pen = Ed25519PrivateKey.generate(), pen_of(bike)
    with site.cloud.db.writing() as session:
        claim, _, _ = claims.create(
            session, site.cloud.box, rider.user_id, bike.hex, public(holder), "single", NOW
        )
        session.flush()
        token = session.scalars(select(IssuedToken).where(IssuedToken.cti == claim.cti)).one()
    cti, kid = bytes.fromhex(claim.cti), bytes.fromhex(claim.kid)
    pen.cti = cti  # type: ignore[attr-defined]
    request = proof(holder, token.token_hash)
    bring(
        rider,
        pen.open(cti, NOW - 900, epoch=claim.epoch, kid=kid, request=request),
        pen.close(cti, NOW - 300),
        pen.end(cti, NOW - 60),
    )
    begin = {"lock_id": bike.hex, "lon": -50000000, "accuracy": 9}
    rows = [{**begin, "seq": n, "at": NOW - 900 + 100 * n, "lat": 520000000 + n} for n in range(10)]
    with site.cloud.db.writing() as session:
        fixes.store(session, rows)
        rides.measure(session, bike.hex, NOW - 900, NOW)
    return pen
