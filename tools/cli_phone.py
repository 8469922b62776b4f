"""`ringslot phone`: a rider's or technician's phone on the command line."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from protocol import receipt
from protocol.exchange import COLOURS
from tools.cli import json_option, out
from tools.cloud_client import CloudClient, CloudError
from tools.errors import ToolError
from tools.pocket import Claim, Pocket
from tools.rider import Opened, Rider, opened

PASSWORD_HELP = "Read the password from standard input, for scripts."


@click.group()
@click.option(
    "--cloud", default="http://127.0.0.1:8000", envvar="RINGSLOT_CLOUD", show_default=True, metavar="URL"
)
@click.option(
    "--pocket",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="RINGSLOT_POCKET",
    help="Folder for claims, keys and receipts.",
)
@click.option(
    "--radio",
    envvar="RINGSLOT_HCI",
    metavar="HOST:PORT",
    help="A virtual radio; this machine's Bluetooth unless given.",
)
@click.option(
    "--cable",
    envvar="RINGSLOT_CABLE",
    metavar="PORT",
    help="A serial port with the lock at its end, for boards whose link that is.",
)
@click.pass_context
def phone(
    context: click.Context, cloud: str, pocket: Path | None, radio: str | None, cable: str | None
) -> None:
    """Be a rider's phone: claim a bike, unlock it over Bluetooth, park, re-open, end, bring receipts.

    \b
    ringslot phone sign-up my-login
    ringslot phone claim BIKE-7
    ringslot phone unlock                 ride; close the ring by hand
    ringslot phone end
    ringslot phone deliver
    """
    folder = pocket or Path(click.get_app_dir("ringslot")) / "pocket"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    virtual = None
    if radio:
        from tools.bleak_radio import Phone

        virtual = Phone(radio)
    context.obj = Session(folder, Rider(CloudClient(cloud, _token(folder)), Pocket(folder), virtual, cable))


class Session:
    """What the commands share: the rider, and who is signed in, kept in the pocket."""

    def __init__(self, folder: Path, rider: Rider) -> None:
        self.folder, self.rider = folder, rider

    def keep_token(self) -> None:
        path = self.folder / "session.json"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"token": self.rider.cloud.token}, file)

    def run(self, work: Any) -> Any:
        async def whole() -> Any:
            try:
                return await work
            finally:
                if self.rider.radio:
                    await self.rider.radio.close()

        return asyncio.run(whole())

    def claim(self, cti: str | None) -> Claim:
        try:
            return self.rider.pocket.claim(bytes.fromhex(cti)) if cti else self.rider.pocket.newest_claim()
        except (KeyError, ValueError):
            raise ToolError("There is no such claim in the pocket: ringslot phone claim CODE") from None


def _token(folder: Path) -> str | None:
    try:
        return json.loads((folder / "session.json").read_text())["token"]
    except (OSError, ValueError, KeyError):
        return None


claim_option = click.option("--claim", "cti", metavar="CTI", help="Which claim; the newest unless given.")


def _password(from_stdin: bool, confirm: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return click.prompt("Password", hide_input=True, confirmation_prompt=confirm)


@phone.command("sign-up")
@click.argument("login")
@click.option("--password-stdin", is_flag=True, help=PASSWORD_HELP)
@click.pass_obj
def sign_up(session: Session, login: str, password_stdin: bool) -> None:
    """Make an account LOGIN, and sign in."""
    session.run(session.rider.sign_up(login, _password(password_stdin, confirm=True)))
    session.keep_token()
    click.echo(f"Signed in as {login}.")


@phone.command("sign-in")
@click.argument("login")
@click.option("--password-stdin", is_flag=True, help=PASSWORD_HELP)
@click.pass_obj
def sign_in(session: Session, login: str, password_stdin: bool) -> None:
    """Sign in as LOGIN; asks for the code of an authenticator app where one is needed."""
    password = _password(password_stdin, confirm=False)
    try:
        session.run(session.rider.sign_in(login, password))
    except CloudError as error:
        if error.code != "second_factor":
            raise
        session.run(session.rider.sign_in(login, password, click.prompt("Code")))
    session.keep_token()
    click.echo(f"Signed in as {login}.")


@phone.command()
@click.pass_obj
@json_option
def bikes(session: Session, as_json: bool) -> None:
    """List the bikes that are free."""
    found = session.rider.cloud.get("/api/v1/bikes")["bikes"]
    out(
        found,
        as_json,
        "\n".join(f"{bike['code']:<16}{bike['label']}" for bike in found) or "No bike is free just now.",
    )


@phone.command()
@click.argument("code")
@click.option("--period", is_flag=True, help="For any number of rides within a day, in place of one.")
@click.pass_obj
@json_option
def claim(session: Session, code: str, period: bool, as_json: bool) -> None:
    """Claim the bike CODE; its token and key go into the pocket, so unlocking needs no network."""
    made = session.run(session.rider.claim(code, mode="period" if period else "single"))
    human = f"{code} is yours. Stand beside it: ringslot phone unlock"
    out(
        {"cti": made.cti.hex(), "lock_id": made.lock_id.hex(), "token_bytes": len(made.token)}, as_json, human
    )


def _look(ask: bool) -> Callable[[list[str]], None]:
    """Tells on standard error what the lock flashes; where `ask`, a person has to see it."""

    def look(colours: list[str]) -> None:
        counts = ", ".join(str(COLOURS.index(colour) + 1) for colour in colours)
        click.echo(f"The lock flashes {', '.join(colours)}; a light of one colour blinks {counts}.", err=True)
        if ask and not click.confirm("Does the bike in front of you?", err=True):
            raise ToolError(
                "Another lock has this code. Leave this bike and report its sticker; nothing was opened."
            )

    return look


@phone.command()
@claim_option
@click.option("--look", is_flag=True, help="Ask whether the bike in front of you flashes the colour code.")
@click.pass_obj
@json_option
def unlock(session: Session, cti: str | None, look: bool, as_json: bool) -> None:
    """Open the claimed bike: find it, connect, prove the claim, wait for the bolt."""
    rider, chosen, tapped = session.rider, session.claim(cti), time.perf_counter()

    async def work() -> Opened:
        async with rider.at(chosen) as link:
            return await rider.open(link, chosen, tapped, _look(look), patient=look)

    _told(session.run(work()), as_json, "The bolt is open. To park, push the ring shut by hand.")


@phone.command()
@claim_option
@click.pass_obj
@json_option
def reopen(session: Session, cti: str | None, as_json: bool) -> None:
    """Open the bike again in the running ride; needs no network."""
    rider, chosen, tapped = session.rider, session.claim(cti), time.perf_counter()

    async def work() -> Opened:
        async with rider.at(chosen) as link:
            return opened(await link.reopen(chosen.cti, chosen.key), tapped)

    _told(session.run(work()), as_json, "The bolt is open.")


@phone.command()
@claim_option
@click.pass_obj
@json_option
def end(session: Session, cti: str | None, as_json: bool) -> None:
    """End the parked ride now, in place of when its hold has passed."""
    rider, chosen, tapped = session.rider, session.claim(cti), time.perf_counter()

    async def work() -> Opened:
        async with rider.at(chosen) as link:
            return opened(await link.end(chosen.cti, chosen.key), tapped)

    _told(
        session.run(work()),
        as_json,
        "The ride has ended; it is billed to the moment when you closed the ring.",
    )


@phone.command()
@click.argument("lock_id")
@click.pass_obj
@json_option
def service(session: Session, lock_id: str, as_json: bool) -> None:
    """Open the lock LOCK_ID by a master token; for technicians."""
    rider, tapped, which = session.rider, time.perf_counter(), _lock_id(lock_id)

    async def work() -> Opened:
        async with rider.with_right(which) as (link, master):
            return opened(await link.service(master.token, master.key), tapped)

    _told(session.run(work()), as_json, "The bolt is open; push the ring shut when you are done.")


@phone.command()
@click.argument("lock_id")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--wait", is_flag=True, help="Stay until the lock has kept it or come back, up to 20 minutes.")
@click.pass_obj
@json_option
def update(session: Session, lock_id: str, folder: Path, wait: bool, as_json: bool) -> None:
    """Bring the release in FOLDER to the lock LOCK_ID; for technicians. Broken off, it goes on where it stopped.

    Said again later, it tells whether the lock runs the release or came back from it.
    """
    from protocol import update as said
    from tools import release, visit

    brought = release.read(folder)
    if not brought.manifest:
        raise ToolError("Nobody has signed this release; `ringslot release sign` does.")
    which = _lock_id(lock_id)
    with _progress(as_json) as told:
        came = session.run(visit.to_its_end(session.rider, which, brought, told, wait))
    item = {"ok": came.well, "state": came.state, "reason": came.reason, "kept": came.kept}
    if came.well:
        human = f"The lock runs release {brought.version}, and keeps it."
        if not came.kept:
            human = (
                f"The lock starts release {brought.version} now; it keeps it once its self-test has passed."
                " Say the same again to hear whether it did."
            )
        out(item, as_json, human)
        return
    if as_json:
        out(item, as_json, "")
        raise click.exceptions.Exit(1)
    raise ToolError(said.sentence(came.reason))


@phone.command()
@click.argument("lock_id")
@click.pass_obj
@json_option
def decommission(session: Session, lock_id: str, as_json: bool) -> None:
    """Make the lock LOCK_ID forget that it is one; for admins, with its ring open (`ringslot phone service`).

    It erases its keys, receipts and settings, which takes up to some minutes, answers with a last receipt, and is a
    board that `ringslot provision` makes another lock. The receipt goes to the cloud at once: its bicycle then has
    no lock.
    """
    rider, tapped = session.rider, time.perf_counter()
    which = _lock_id(lock_id)

    async def work() -> Opened:
        async with rider.with_right(which, "decommission") as (link, master):
            done = opened(await link.decommission(master.token, master.key), tapped)
        await rider.deliver()
        return done

    _told(session.run(work()), as_json, "The lock has erased what it was, and is a board again.")


def _lock_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise click.BadParameter("16 hex digits", param_hint="LOCK_ID") from None


@contextlib.contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int], None]]:
    """Bytes that the phone has sent, on standard error."""

    def told(sent: int) -> None:
        if not quiet:
            click.echo(f"\r{sent} bytes", err=True, nl=False)

    yield told
    if not quiet:
        click.echo(err=True)


@phone.command()
@click.pass_obj
@json_option
def deliver(session: Session, as_json: bool) -> None:
    """Bring the receipts in the pocket to the cloud, and check its word for each."""
    words = session.run(session.rider.deliver())
    out(
        words,
        as_json,
        f"{len(words)} receipts delivered; the cloud's word matches what the lock gave."
        if words
        else "Nothing to deliver.",
    )


@phone.command()
@click.pass_obj
@json_option
def receipts(session: Session, as_json: bool) -> None:
    """Show the receipts in the pocket, oldest first."""
    rows = []
    for kept in session.rider.pocket.receipts():
        said = receipt.parse(kept.receipt)
        rows.append(
            {
                "lock_id": said.lock_id.hex(),
                "seq": said.seq,
                "type": receipt.NAMES[said.type],
                "at": said.at,
                "delivered": bool(kept.word),
            }
        )
    lines = [
        f"{row['lock_id']} {row['seq']:>5}  {row['type']:<14}{'delivered' if row['delivered'] else 'kept'}"
        for row in rows
    ]
    out(rows, as_json, "\n".join(lines) or "No receipts yet.")


def _told(result: Opened, as_json: bool, well: str) -> None:
    """What the lock said: for a person a sentence, and exit status 1 when it refused."""
    answer, took = result.answer, result.latency
    item = {
        "ok": answer.ok,
        "status": answer.name,
        "ms": {name: round(getattr(took, name)) for name in took.__annotations__},
    }
    if as_json or answer.ok:
        out(item, as_json, f"{well} ({took.total:.0f} ms, of which {took.motor:.0f} for the motor)")
    if not answer.ok:
        if as_json:
            raise click.exceptions.Exit(1)
        raise ToolError(answer.sentence)
