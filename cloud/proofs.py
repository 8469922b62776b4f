"""Whether the proof in a receipt is by the holder of a token that we issued. Stops nothing: the bolt has moved."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud.tables import IssuedToken
from protocol import ed25519, exchange, receipt

HOLDS, FAILS, UNKNOWN = "holds", "fails", "unknown"  # as tables.PROOFS

COMMANDS = {  # that the proof in a receipt is for; of the other types: OPEN
    receipt.END: exchange.END,
    receipt.SERVICE_OPEN: exchange.SERVICE,
    receipt.DECOMMISSION: exchange.DECOMMISSION,
    receipt.UPDATE: exchange.UPDATE,
}


def judge(session: Session, said: receipt.Receipt) -> str | None:
    """HOLDS, FAILS, UNKNOWN (no token of this cti was ever issued), or None where the receipt carries no request."""
    if said.request is None:
        return None
    tokens = session.scalars(select(IssuedToken).where(IssuedToken.cti == said.cti.hex())).all()
    if not tokens:
        return UNKNOWN
    return HOLDS if any(_holds(said, token) for token in tokens) else FAILS


def _holds(said: receipt.Receipt, token: IssuedToken) -> bool:
    """The subject is the token's hash; without a token it is the cti, and the key still that token's (SPEC 5).

    Which of the two a REOPEN had does not show: a successor's carries its token's hash, and the next one the cti.
    """
    transcript, proof = said.request
    subjects = [token.token_hash]
    if said.issue is None:
        subjects.append(said.cti)
    elif not _names(token, said):
        return False
    command = COMMANDS.get(said.type, exchange.OPEN)
    return any(
        ed25519.verify(token.holder, exchange.proof_input(subject, transcript, command), proof)
        for subject in subjects
    )


def _names(token: IssuedToken, said: receipt.Receipt) -> bool:
    """The receipt's [kid, epoch] is what the token said for this lock. A group's token says no epoch."""
    kid, epoch = said.issue
    if token.kid != kid.hex():
        return False
    return token.audience.startswith("group:") or f"{said.lock_id.hex()}:{epoch}" in token.audience.split()
