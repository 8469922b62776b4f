"""Commands that run things: the demo, the cloud, simulated locks, and the hand beside one of them."""

import json
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tools.cli import data_option, json_option, out, settings
from tools.errors import ToolError
from tools.processes import Processes

_TEND_S = 3600
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--json", "json_path", type=FILE, help="Write the results there too.")
@click.option("--track", "track_path", type=FILE, help="Ride this GPX or NMEA file.")
@click.option("--serve", is_flag=True, help="Leave it all running at the end, until Ctrl-C.")
@click.option("--keep", type=FOLDER, help="Keep database, logs and receipts in this new folder.")
@click.option("--svg", "svg_path", type=FILE, help="Save the timeline as a picture.")
@click.option("--quiet", is_flag=True, help="Print nothing; the exit status tells.")
def demo(json_path, track_path, serve, keep, svg_path, quiet) -> None:
    """Ride a simulated bicycle from a claim in the cloud to a bolt that moved, and back.

    Starts a cloud, a virtual radio and two locks on free ports of this machine; every part is the one that runs for
    real but for the metal. Takes about a minute; exit status 0 means that every step held.

    \b
    ringslot demo --track sunday.gpx
    ringslot demo --serve                 then look at the console
    ringslot demo --json result.json --keep run
    """
    from tools import demo as demonstration
    from tools import track

    points = track.read(track_path) if track_path else track.default_track()
    if keep and keep.exists() and any(keep.iterdir()):
        raise ToolError(f"{keep} is not empty; name a new folder.")
    folder = keep or Path(tempfile.mkdtemp(prefix="ringslot-demo-"))
    ok = False
    try:
        ok = demonstration.run(points, folder, json_path, svg_path, serve=serve, quiet=quiet)
    except KeyboardInterrupt:
        ok = True  # nothing to look into
        raise
    finally:
        if ok and not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if not ok:
        raise click.exceptions.Exit(1)


@click.command()
@click.option(
    "--web",
    default="127.0.0.1:8000",
    show_default=True,
    metavar="HOST:PORT",
    help="Where browsers and phones find it.",
)
@click.option(
    "--coap", default="127.0.0.1:5683", show_default=True, metavar="HOST:PORT", help="Where locks find it."
)
@click.option("--cert", type=FILE, help="TLS: the certificate and those that vouch for it, PEM.")
@click.option("--key", type=FILE, help="TLS: the certificate's key, PEM, without a passphrase.")
@click.option("--metrics", metavar="HOST:PORT", help="Show Prometheus metrics there; keep it off the street.")
@click.option("--logs", type=FOLDER, help="Folder for logs; logs/ in --data unless given.")
@data_option
@json_option
def up(web, coap, cert, key, metrics, logs, data, as_json) -> None:
    """Run the cloud on this machine: the web app under gunicorn, the CoAP gateway for locks, and the worker for what
    happens by the clock.

    Makes the database, or brings it to the newest form. Runs until Ctrl-C.

    Passwords travel over --web: beyond this machine it needs TLS. Either give a certificate with --cert and --key,
    which is read anew for every connection, so that a renewed one needs no restart; or leave --web on 127.0.0.1, put
    a proxy in front (cloud/deploy/Caddyfile) and set RINGSLOT_PROXIES=1. Locks need neither: what they send is sealed
    by OSCORE.
    As a service, see cloud/deploy/README.md.

    \b
    export RINGSLOT_SECRET="$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')"
    ringslot up --data fleet
    ringslot up --data fleet --web 0.0.0.0:443 --cert chain.pem --key key.pem --coap 0.0.0.0:5683
    """
    from cloud import context
    from tools import keysets
    from tools.up import CloudRun, check_tls

    if bool(cert) != bool(key):
        raise click.UsageError("--cert and --key go together.")
    if cert:
        check_tls(cert, key)
    chosen = settings(data)
    folder = logs or (data / "logs" if data else Path("logs"))
    with Processes(folder) as children:
        kept = "" if chosen.post.host else chosen.post.folder or str((data or Path()).absolute() / "mail")
        extra = {"RINGSLOT_MAIL_FOLDER": kept} if kept else {}
        if metrics:
            extra["RINGSLOT_METRICS"] = metrics
        tls = (cert, key) if cert else None
        cloud = CloudRun(children, chosen.secret.decode(), chosen.database_url, web, coap, extra, tls)
        cloud.start()
        made = context.make(chosen)
        item = {"console": f"{cloud.url}/console", "api": f"{cloud.url}/api/v1", "coap": f"coap://{coap}"}
        item["logs"] = str(folder)
        if metrics:
            item["metrics"] = f"http://{metrics}/metrics"
        if not (cert or chosen.proxies or _is_here(web)):
            item["beware"] = f"{web} is open to others without TLS: passwords can be read on the way"
        if kept:
            item["mail"] = f"{kept} (no RINGSLOT_SMTP: mails are files there, and reach nobody)"
        lines = [f"{name:<9}{where}" for name, where in item.items()]
        if not chosen.staff_second_factor:
            lines.append("RINGSLOT_STAFF_SECOND_FACTOR is off: a password alone opens the console.")
        out(item, as_json, "\n".join([*lines, "Ctrl-C ends it."]))
        _watch(list(cloud.parts.values()), lambda: keysets.tend(made))


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@json_option
def sim(folders, as_json) -> None:
    """Run a simulated lock for each FOLDER that `ringslot lock add --out FOLDER` made.

    They join one virtual radio, and find the cloud where their settings say. Flash and world stay in FOLDER/sim, so
    that a lock that is started again goes on where it was. Runs until Ctrl-C.

    \b
    ringslot lock add BIKE-7 --data fleet --out bike-7
    ringslot sim bike-7
    ringslot phone --radio HOST:PORT unlock     in another terminal
    ringslot hand PORT close
    """
    from tools import provision
    from tools.fleet import RadioRun
    from tools.simlock import RESTARTS, SimLock

    names = [folder.resolve().name for folder in folders]
    if len(set(names)) != len(names):
        raise ToolError("Two of these folders have one name; the radio needs to tell locks apart.")
    with Processes(folders[0] / "sim" / "logs") as children:
        radio = RadioRun(children)
        locks = [
            SimLock(children, name, folder / "sim", radio.locks)
            for name, folder in zip(names, folders, strict=True)
        ]
        for lock, folder in zip(locks, folders, strict=True):
            if not lock.image.exists():
                lock.provision(provision.read(folder))
            lock.start()
        items = [{"lock": lock.name, "hand": lock.hand_port, "log": str(lock.child.log)} for lock in locks]
        lines = [f"{item['lock']:<16} hand {item['hand']}   log {item['log']}" for item in items]
        lines += [f"phones: ringslot phone --radio {radio.hci} …", "Ctrl-C ends it."]
        out({"radio": radio.hci, "control": radio.control, "locks": items}, as_json, "\n".join(lines))
        while True:
            time.sleep(0.5)
            for lock in locks:
                if not lock.child.running:
                    if lock.child.process.returncode not in RESTARTS:
                        raise ToolError(f"Lock {lock.name} ended.\n{lock.child.tail()}")
                    lock.start()
                    click.echo(f"{lock.name} has restarted; hand {lock.hand_port}", err=as_json)


@click.command()
@click.argument("port")
@click.argument("do")
@click.argument("more", nargs=-1, metavar="[NAME=VALUE]...")
def hand(port, do, more) -> None:
    """Be the person beside a simulated bike: PORT is the lock's, as `ringslot sim` prints it, or the cable's of the
    32-bit board in QEMU.

    \b
    ringslot hand 20123 close             push the ring shut
    ringslot hand 20123 state             what there is to see
    ringslot hand 20123 uplink on=false   take the network away
    ringslot hand 20123 battery mv=3350
    """
    request = {"do": do}
    for pair in more:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair} is not NAME=VALUE", param_hint="MORE")
        try:
            request[name] = json.loads(value)
        except ValueError:
            request[name] = value
    if not port.startswith("/") and not (port.isdigit() and 0 < int(port) < 65_536):
        raise click.BadParameter("a number from 1 to 65535, or the path of a cable", param_hint="PORT")
    answer = _by_port(int(port), request) if port.isdigit() else _by_cable(port, request)
    if not answer.pop("ok"):
        raise ToolError(str(answer.get("error")))
    click.echo(json.dumps(answer, indent=2) if answer else "done")


def _by_port(port: int, request: dict[str, Any]) -> dict[str, Any]:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
            wire.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(wire.makefile().readline())
    except (OSError, ValueError) as error:
        raise ToolError(
            f"No lock has its hand at port {port} ({error}); `ringslot sim` prints the port."
        ) from error


def _by_cable(port: str, request: dict[str, Any]) -> dict[str, Any]:
    from tools import cable

    return cable.hand(port, request)


def _is_here(address: str) -> bool:
    """Whether only this machine reaches host:port."""
    host = address.rpartition(":")[0].strip("[]")
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _watch(children: list, tend: Callable[[], Any]) -> None:
    """Until Ctrl-C; an error when one of them ends by itself. `tend()`: every hour."""
    due = 0.0
    while True:
        if time.monotonic() >= due:
            due = time.monotonic() + _TEND_S
            tend()
        time.sleep(0.5)
        for child in children:
            if not child.running:
                raise ToolError(f"{child.name} has ended.\n{child.tail()}")
