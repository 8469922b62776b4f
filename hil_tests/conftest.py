"""What every test here needs: child processes that end with the test, one virtual radio, one fleet for all.

`--board` says what the locks are; `sim`, the simulator, is there always. A test that has to kill a lock or look into
its world asks for `lock`, which on another board will not be given.
"""

import itertools
import os
import time

import pytest

from hil_tests.metal import Metal
from tools import rv32_build
from tools.fleet import Fleet, RadioRun
from tools.processes import Child, Processes
from tools.simlock import MICROPYTHON, ROOT

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def radio(tmp_path_factory):
    with Processes(tmp_path_factory.mktemp("radio")) as children:
        yield RadioRun(children)


@pytest.fixture
def children(tmp_path):
    with Processes(tmp_path / "logs") as children:
        yield children


@pytest.fixture
def start_lock(radio, children):
    """start_lock(name, script): a MicroPython process on the radio under that name, ready when it printed "ready"."""

    def start(name: str, script: str, heap: str = "384k", **environ: str) -> Child:
        command = [MICROPYTHON, "-X", f"heapsize={heap}", script]
        settings = {
            "MICROPYPATH": ".frozen:.:boards/sim",
            "RINGSLOT_RADIO": radio.locks,
            "RINGSLOT_BLE_NAME": name,
        }
        return children.start(
            name, command, cwd=ROOT, environ={**settings, **environ}, ready="^ready", timeout_s=10
        )

    return start


def pytest_addoption(parser):
    parser.addoption(
        "--board", choices=["sim", "qemu_rv32", "metal"], default="sim", help="what the locks under test are"
    )
    parser.addoption("--port", help="of a board on metal, such as /dev/ttyACM0; see METAL.md")
    parser.addoption("--wired-as", default="esp32_dev", help="its folder in boards/")
    parser.addoption("--image", help="MicroPython's .bin for it: the chip is erased, and begun from")
    parser.addoption("--move", action="store_true", help="let its motor turn: fingers out of the ring")


def pytest_collection_modifyitems(config, items):
    """On another board, its own tests: the rest is about the simulator, its radio and its cloud.

    The emulated board's files take longest and come first: else one core rests while the other ends the last of them.
    """
    of_rv32 = [item for item in items if "rv32_image" in getattr(item, "fixturenames", ())]
    for item in of_rv32:
        item.add_marker("rv32")
    long = {item.path for item in of_rv32}
    items.sort(key=lambda item: item.path not in long)
    on_metal = [item for item in items if "metal" in getattr(item, "fixturenames", ())]
    for item in on_metal:
        item.add_marker("metal")
    chosen = {"qemu_rv32": of_rv32, "metal": on_metal}.get(config.getoption("--board"))
    if chosen is not None:
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def pytest_terminal_summary(terminalreporter):
    """Says what ran on the 32-bit board, and by name what no board on a port was there for, so that a run without them
    looks different."""
    counts = []
    for outcome in ("passed", "failed", "error", "skipped"):
        reports = [one for one in terminalreporter.stats.get(outcome, ()) if "rv32" in one.keywords]
        counts += [f"{len(reports)} {outcome}"] if reports else []
    if counts:
        terminalreporter.write_line("32-bit board: " + ", ".join(counts))
    skipped = [one.nodeid for one in terminalreporter.stats.get("skipped", ()) if "metal" in one.keywords]
    for nodeid in sorted(skipped):
        terminalreporter.write_line(f"not run on metal: {nodeid}")


@pytest.fixture(scope="session")
def rv32_image(request):
    """The image of boards/qemu_rv32, built anew if what it is made from has changed. Who needs it is skipped where
    nobody has ever made one, unless it was asked for: with `--board qemu_rv32`, or by RINGSLOT_NEEDS_RV32 as in CI."""
    asked = request.config.getoption("--board") == "qemu_rv32" or os.environ.get("RINGSLOT_NEEDS_RV32")
    if asked or (not rv32_build.missing() and rv32_build.made_before()):
        return rv32_build.build()
    pytest.skip("the 32-bit board has not been built here: `make rv32` does it")


@pytest.fixture(scope="session")
def metal(request):
    """A board on a serial port; who needs it is named as not run without one."""
    option = request.config.getoption
    if option("--board") != "metal":
        pytest.skip("not run: needs a board on a serial port, --board metal --port PORT (METAL.md)")
    if not option("--port"):
        pytest.exit("--board metal needs --port, such as --port /dev/ttyACM0", 2)
    return Metal(option("--port"), option("--wired-as"))


@pytest.fixture
def moving(metal, request):
    """Whoever lets the motor turn."""
    if not request.config.getoption("--move"):
        pytest.skip("not run: --move lets the motor turn; keep fingers out of the ring")


@pytest.fixture
def ask(request):
    """ask(sentence): what only a hand can do, and until it is done."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def ask(sentence):
        capture.suspend_global_capture(in_=True)
        try:
            input(f"\n{sentence} Then press Enter. ")
        finally:
            capture.resume_global_capture()

    return ask


@pytest.fixture(scope="session")
def fleet(tmp_path_factory):
    """A cloud and a radio, running; locks are added by who needs them."""
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def browser():
    """Chromium, one a file: whoever needs it on the radio has one of their own."""
    from hil_tests.browser import browsing  # not for runs without a page

    with browsing() as browser:
        yield browser


@pytest.fixture(scope="session")
def admin(fleet):
    return fleet.person("admin")[0]


@pytest.fixture(scope="session")
def technician(fleet):
    return fleet.person("technician", "technician")[0]


@pytest.fixture
def make_lock(fleet, admin):
    """make_lock(kind): a new lock on a new bike, running, with the time from the cloud; ended after the test."""
    made = []

    def make(kind: str = "exclusive"):
        member = fleet.add(f"BIKE-{next(_numbers)}", kind)
        made.append(member)
        await_contact(admin, member)
        return member

    yield make
    for member in made:
        member.sim.stop()


@pytest.fixture
def lock(make_lock):
    return make_lock()


@pytest.fixture
def second_lock(make_lock):
    return make_lock()


def await_contact(admin, member, seconds: float = 30) -> None:
    """Until the cloud has heard from the lock: then the lock knows the time."""
    end = time.monotonic() + seconds
    while not admin.get(f"/api/v1/locks/{member.lock_id.hex()}")["last_seen_at"]:
        assert time.monotonic() < end, f"{member.code} has not been heard of\n{member.sim.child.tail()}"
        time.sleep(0.1)
