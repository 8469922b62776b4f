"""Step 6 of the demo: who must not open a lock, tries to. What each hears is the lock's answer; whether anything
moved is read from the bolt's own counters, before and after."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import exchange, keys, status, token
from tools import phone
from tools.demo_rides import finish
from tools.demo_world import BIKE_A, BIKE_B, Demo
from tools.rider import Rider

if TYPE_CHECKING:
    from tools.fleet import Member

_WINDOW_S = 3  # of the claim that is to expire
_PATIENCE_S = 20  # for it to expire also by a lock's clock that is not sure
_FLOORS = 64


@asynccontextmanager
async def beside(demo: Demo, member: "Member", rider: Rider) -> AsyncIterator[phone.Link]:
    """A link to this very lock. An attacker would try all that are near by; the demo knows its name on the air."""
    k_lock = member.identity.k_lock
    values = phone.advertised(keys.adv_key(k_lock, index) for index in range(2 * _FLOORS))
    async with phone.reach(values, rider.radio, rider.pocket.keep) as link:
        yield link


async def replayed_session(demo: Demo) -> phone.Answer:
    async with beside(demo, demo.a, demo.riders["stranger"]) as link:
        return await link.replay(*demo.heard["session"])


async def other_lock(demo: Demo) -> phone.Answer:
    claim = demo.heard["soon"]
    async with beside(demo, demo.b, demo.riders["rider 1"]) as link:
        return await link.unlock(claim.token, claim.key)


async def in_use(demo: Demo) -> phone.Answer:
    rider, claim = demo.riders["rider 3"], demo.heard["next"]
    async with rider.at(claim) as link:
        return await link.unlock(claim.token, claim.key)


async def garbage(demo: Demo) -> phone.Answer:
    async with beside(demo, demo.b, demo.riders["stranger"]) as link:
        await link.greet()
        return await link.say(exchange.REQUEST, os.urandom(300))


async def expired_token(demo: Demo) -> phone.Answer:
    """The honest way: wait. A lock's clock has an error, and in doubt it is the rider's."""
    rider, claim = demo.riders["rider 1"], demo.heard["soon"]
    exp = token.parse(claim.token).claims.exp

    def surely_over() -> bool:
        clock = demo.a.sim.state()["clock"]
        return clock["now"] - clock["error"] > exp

    await demo.until(surely_over, "the claim's window to pass", _PATIENCE_S)
    async with beside(demo, demo.a, rider) as link:
        return await link.unlock(claim.token, claim.key)


async def stolen_token(demo: Demo) -> phone.Answer:
    """A token is no secret: it is worth nothing without the key that it names."""
    demo.heard["old"] = await demo.riders["rider 1"].claim(demo.a.code)
    async with beside(demo, demo.a, demo.riders["stranger"]) as link:
        return await link.unlock(demo.heard["old"].token, Ed25519PrivateKey.generate())


async def unknown_issuer(demo: Demo) -> phone.Answer:
    issuer, holder = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    kid = keys.kid(keys.RIDE, issuer.public_key().public_bytes_raw())
    now = int(time.time())
    claims = token.Claims(
        aud=((demo.a.lock_id, 1_000),),
        exp=now + 600,
        nbf=now,
        iat=now,
        cti=os.urandom(8),
        holder=holder.public_key().public_bytes_raw(),
        scope=token.SCOPE_RIDE,
        floor=0,
        hold=0,
        longest=3600,
        mode=token.MODE_SINGLE,
    )
    async with beside(demo, demo.a, demo.riders["stranger"]) as link:
        return await link.unlock(token.mint(issuer.sign, kid, claims), holder)


async def revoked_claim(demo: Demo) -> phone.Answer:
    """Rider 3 has been at the lock since: nobody had to tell it that rider 1's claim is over."""
    claim = demo.heard["old"]
    async with beside(demo, demo.a, demo.riders["rider 1"]) as link:
        return await link.unlock(claim.token, claim.key)


async def newer_ride(demo: Demo) -> None:
    first, second = demo.riders["rider 1"], demo.riders["rider 3"]
    await first.cancel(demo.heard["old"])
    claim = await second.claim(demo.a.code)
    tapped = time.perf_counter()
    async with second.at(claim) as link:
        await demo.tap(second, claim, link, demo.a, tapped)
        demo.say("rider 3", f"claimed {demo.a.code} when rider 1 had cancelled, and opened it", icon="note")
        await finish(demo, claim, link, demo.a)
    await second.deliver()


# at which bike, what is tried, the status that its lock must answer, how (its name is the case's)
CASES: list[tuple[str, str, int, Callable[[Demo], Awaitable[phone.Answer]]]] = [
    (BIKE_A, "rider 1's session of step 3, sent again", status.FORGED, replayed_session),
    (BIKE_B, "BIKE-A's token", status.WRONG_LOCK, other_lock),
    (BIKE_B, "a claim, seconds after rider 2 left it open", status.IN_USE, in_use),
    (BIKE_B, "300 random bytes", status.MALFORMED, garbage),
    (BIKE_A, "a token whose window has passed", status.EXPIRED, expired_token),
    (BIKE_A, "rider 1's token without its holder's key", status.FORGED, stolen_token),
    (BIKE_A, "a token signed by somebody else's key", status.KEY, unknown_issuer),
    (BIKE_A, "rider 1's cancelled claim, after a newer one", status.OLD, revoked_claim),
]
BEFORE = {revoked_claim: newer_ride}  # what must happen first, and may move the bolt


async def run(demo: Demo) -> None:
    demo.person("stranger")
    soon = await demo.riders["rider 1"].claim(demo.a.code, exp=int(time.time()) + _WINDOW_S)
    demo.heard["soon"] = soon
    await demo.rider("rider 3")
    demo.heard["next"] = await demo.riders["rider 3"].claim(demo.b.code)
    for bike, what, expected, attempt in CASES:
        case = attempt.__name__
        if attempt in BEFORE:
            await BEFORE[attempt](demo)
        before = await moves(demo)
        try:
            answer = await attempt(demo)
        except phone.Refused as refused:
            answer = refused.answer
        moved = await moves(demo) != before
        entry = {"case": case, "reason": answer.name, "sentence": answer.sentence, "moved": moved}
        demo.refusals.append(entry)
        demo.hold(not moved, f"{case}: a bolt moved.")
        wanted = status.NAMES[expected]
        demo.hold(answer.name == wanted, f"{case}: the lock answered {answer.name}, not {wanted}.")
        demo.say(bike, f"{answer.name}: {answer.sentence}", what, icon="refused")


async def moves(demo: Demo) -> list[tuple[int, int]]:
    """How often each lock's motor was started, and how often its ring flew open."""
    states = [await demo.world(member) for member in (demo.a, demo.b)]
    return [(state["actuations"], state["openings"]) for state in states]
