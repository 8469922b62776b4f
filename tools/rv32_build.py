"""The images of boards/qemu_rv32, built from Debian's source package of MicroPython: `make rv32`.

There is one for each profile: `stock`, which runs what lies on the flash, and `hardened`, which has the lock in it.
What they are made from lies in build/rv32/src, an image in build/rv32/KEY/firmware.elf, where KEY is a hash of what the
board adds, of this file and of the compiler's name: an image is built once. MicroPython is pinned by its own hash.
RINGSLOT_RV32_SOURCES names a folder that holds the source archives already, for machines without Debian's.
"""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parent.parent
BOARD = ROOT / "boards" / "qemu_rv32"
BUILD = ROOT / "build" / "rv32"
QEMU = "qemu-system-riscv32"
GCC = "riscv64-unknown-elf-gcc"
PACKAGES = {GCC: "gcc-riscv64-unknown-elf", QEMU: "qemu-system-misc", "make": "make", "gcc": "gcc"}
PICOLIBC = Path("/usr/lib/picolibc/riscv64-unknown-elf")

RELEASE = "trixie"  # the release of Debian whose sources these are
VERSION = "1.25.0"
MICROPYTHON = f"micropython_{VERSION}+ds.orig.tar.xz"
MICROPYTHON_SHA256 = "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"
SOURCES = ("micropython", "mbedtls")

STOCK, HARDENED = PROFILES = ("stock", "hardened")
MANIFESTS = {STOCK: "manifest.py", HARDENED: "manifest_hardened.py"}


class BuildError(Exception):
    """There is no image; the text says why and what would help."""


def missing() -> list[str]:
    """Debian's packages that this machine lacks to build or to run the image."""
    lacking = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    return lacking if PICOLIBC.is_dir() else [*lacking, "picolibc-riscv64-unknown-elf"]


def frozen(profile: str = STOCK) -> tuple[str, ...]:
    """The modules of ours in the image, relative to the checkout: FROZEN of its manifest, and what is in WHOLE."""
    lists = {}
    for node in ast.parse((BOARD / MANIFESTS[profile]).read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("FROZEN", "WHOLE"):
            lists[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    if "FROZEN" not in lists:
        raise BuildError(f"The board's {MANIFESTS[profile]} has no list FROZEN.")
    whole = [path for folder in lists.get("WHOLE", ()) for path in sorted((ROOT / folder).glob("*.py"))]
    modules = [str(path.relative_to(ROOT)) for path in whole if not path.name.startswith("test_")]
    return (*lists["FROZEN"], *modules)


def key(profile: str = STOCK) -> str:
    digest = hashlib.sha256(profile.encode())
    own = {path for pattern in _INPUTS for path in BOARD.glob(pattern)}
    for path in sorted({Path(__file__), *own, *(ROOT / name for name in frozen(profile))}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(compiler().encode())
    return digest.hexdigest()[:16]


_INPUTS = (
    "*.c",
    "*.h",
    "*.ld",
    "*.mk",
    "manifest*.py",
    "modules/*.py",
    "hardened/*.py",
)  # what the image is made from


def compiler() -> str:
    """The compiler's first line about itself, "" when there is none."""
    if not shutil.which(GCC):
        return ""
    said = subprocess.run([GCC, "--version"], capture_output=True, text=True)
    return said.stdout.splitlines()[0]


def image(profile: str = STOCK) -> Path:
    """Where that image for this board folder lies, built or not."""
    return BUILD / key(profile) / "firmware.elf"


def made_before() -> bool:
    """Whether its sources are here, so that an image takes half a minute and no network."""
    return (BUILD / "src" / "done").exists()


def build(profile: str = STOCK) -> Path:
    """The image; built, if need be. BuildError when it cannot be."""
    if lacking := missing():
        raise BuildError(f"This machine lacks {', '.join(lacking)}: `make rv32` installs them.")
    elf = image(profile)
    BUILD.mkdir(parents=True, exist_ok=True)
    with FileLock(BUILD / "lock"):
        if not elf.exists():
            _build(elf, profile)
    return elf


def _build(elf: Path, profile: str) -> None:
    sources = _sources()
    made = elf.parent.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    (BUILD / "README.md").write_text(
        "Stands in for micropython-lib, of which no frozen module needs a thing.\n"
    )
    micropython = sources / "micropython"
    _make(["-C", micropython / "mpy-cross"], "mpy-cross")
    _make(
        [
            *(
                "-C",
                micropython / "ports" / "qemu",
                "BOARD=QEMU_RV32",
                f"BOARD_DIR={BOARD}",
                f"BUILD={made / 'build'}",
                f"HARDENED={int(profile == HARDENED)}",
            ),
            *(f"MPY_LIB_DIR={BUILD}", f"MBEDTLS={sources / 'mbedtls'}", "LIBS=-march=rv32imac"),
        ],
        f"the {profile} image",
    )
    shutil.copy(made / "build" / "firmware.elf", made)
    shutil.rmtree(made / "build")
    shutil.rmtree(elf.parent, ignore_errors=True)
    made.rename(elf.parent)


def _make(arguments: list, what: str) -> None:
    command = ["make", f"-j{os.cpu_count()}", *map(str, arguments)]
    environ = {**os.environ, "MICROPY_GIT_TAG": f"v{VERSION}", "SOURCE_DATE_EPOCH": "0"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environ
    )
    if done.returncode:
        raise BuildError(f"{what} did not build:\n" + "\n".join(done.stdout.splitlines()[-30:]))


def _sources() -> Path:
    """The folder with both sources unpacked. Downloads them once, through apt, which checks Debian's signature."""
    sources = BUILD / "src"
    if (sources / "done").exists():
        return sources
    archives = (
        Path(os.environ["RINGSLOT_RV32_SOURCES"]) if "RINGSLOT_RV32_SOURCES" in os.environ else _download()
    )
    given = archives / MICROPYTHON
    if not given.exists():
        raise BuildError(f"{given} is not there: the board is made for that version of MicroPython.")
    if hashlib.sha256(given.read_bytes()).hexdigest() != MICROPYTHON_SHA256:
        raise BuildError(f"{given} is not the archive that this board is made for.")
    for name in SOURCES:
        archive = next(archives.glob(f"{name}_*.orig.tar.*"), None)
        if archive is None:
            raise BuildError(f"{archives} holds no source archive of {name}.")
        with tarfile.open(archive) as tar:
            inside = os.path.commonpath(tar.getnames())
            tar.extractall(sources / "unpacked", filter="data")
        shutil.rmtree(sources / name, ignore_errors=True)
        (sources / "unpacked" / inside).rename(sources / name)
    shutil.rmtree(sources / "unpacked")
    (sources / "done").touch()
    return sources


def _download() -> Path:
    apt = BUILD / "apt"
    archives = BUILD / "archives"
    for folder in (apt / "lists" / "partial", apt / "cache" / "archives" / "partial", archives):
        folder.mkdir(parents=True, exist_ok=True)
    (apt / "source.sources").write_text(_debian_sources())
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    for action in (["update"], ["source", "--download-only", *SOURCES]):
        done = subprocess.run([*command, *action], cwd=archives, capture_output=True, text=True)
        if done.returncode:
            raise BuildError("apt-get did not bring the sources of MicroPython:\n" + done.stderr.strip())
    return archives


def _debian_sources() -> str:
    """This machine's own sources of Debian, for source packages of RELEASE."""
    parts = Path("/etc/apt/sources.list.d")
    here = _release()
    for path in sorted(parts.glob("*.sources")):
        stanzas = [part for part in re.split(r"\n\s*\n", path.read_text()) if re.search(r"(?m)^Types:", part)]
        named = [part for part in stanzas if re.search(rf"(?m)^Suites:.*\b{here}\b", part)]
        if here and named:
            text = re.sub(r"(?m)^Types:.*", "Types: deb-src", "\n\n".join(named))
            return re.sub(rf"\b{here}\b", RELEASE, text) + "\n"
    for line in Path("/etc/apt/sources.list").read_text().splitlines() if here else ():
        found = re.match(rf"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+{here}(?:/\S+)?\s", line)
        if found:
            keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
            return f"Types: deb-src\nURIs: {found[1]}\nSuites: {RELEASE}\nComponents: main\nSigned-By: {keyring}\n"
    raise BuildError("This machine names no source of Debian packages: see RINGSLOT_RV32_SOURCES.")


def _release() -> str:
    """The codename of this Debian, "" on anything else."""
    facts = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text()))
    return facts.get("VERSION_CODENAME", "") if facts.get("ID") == "debian" else ""


def install() -> None:
    """Installs what `missing` names, with apt-get, as root or through sudo."""
    lacking = missing()
    if not lacking:
        return
    if not shutil.which("apt-get"):
        raise BuildError(f"Install {', '.join(lacking)} (names as on Debian) and try again.")
    sudo = [] if os.getuid() == 0 else ["sudo"]
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *lacking]):
        done = subprocess.run(
            [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *command], stdout=sys.stderr
        )
        if done.returncode:
            raise BuildError(f"apt-get could not install {', '.join(lacking)}.")
