"""The hardened image of each ESP32 board, as far as it can be judged without ESP-IDF: by a C preprocessor, by CMake, by
the tables in the folder, against the sources of MicroPython's ports/esp32 that `make rv32` has downloaded.

RINGSLOT_MICROPYTHON and RINGSLOT_ESP_IDF name checkouts of both, to be held against the versions that the README says.
"""

import csv
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from boards.chips import CHIPS
from boards.test_pins import BOARDS, pins_of
from tools import board_data, rv32_build

ROOT = Path(__file__).parent.parent
SHARED = ROOT / "boards" / "esp32_hardened"
MICROPYTHON = Path(os.environ.get("RINGSLOT_MICROPYTHON", rv32_build.BUILD / "src" / "micropython"))
IS_THE_VERSION = (
    "RINGSLOT_MICROPYTHON" in os.environ
)  # what `make rv32` brings is older than what boards are made for
IDF = os.environ.get("RINGSLOT_ESP_IDF")

with_sources = pytest.mark.skipif(
    not (MICROPYTHON / "ports" / "esp32").is_dir() or not shutil.which("gcc"),
    reason="needs gcc and the sources of MicroPython: `make rv32`",
)

# What the chip's own headers would say, of what mpconfigport.h asks.
CAPS = {
    "esp32": {"SOC_DAC_SUPPORTED": 1, "CONFIG_IDF_TARGET_ARCH_XTENSA": 1},
    "esp32s3": {
        "SOC_USB_OTG_SUPPORTED": 1,
        "SOC_USB_OTG_PERIPH_NUM": 1,
        "SOC_USB_SERIAL_JTAG_SUPPORTED": 1,
        "CONFIG_IDF_TARGET_ARCH_XTENSA": 1,
    },
    "esp32c6": {"SOC_USB_SERIAL_JTAG_SUPPORTED": 1, "CONFIG_IDF_TARGET_ARCH_RISCV": 1},
}
OFF = (
    *("MICROPY_HW_ENABLE_UART_REPL", "MICROPY_HW_ENABLE_USBDEV", "MICROPY_HW_USB_CDC"),
    *("MICROPY_HW_ESP_USB_SERIAL_JTAG", "MICROPY_ENABLE_COMPILER", "MICROPY_KBD_EXCEPTION"),
    *("MICROPY_PY_OS_DUPTERM", "MICROPY_PY_OS_DUPTERM_NOTIFY", "MICROPY_PY_WEBREPL", "MICROPY_PY_WEBSOCKET"),
    *("MICROPY_PY_BUILTINS_COMPILE", "MICROPY_PY_BUILTINS_EVAL_EXEC", "MICROPY_PY_BUILTINS_EXECFILE"),
    *("MICROPY_PY_BUILTINS_INPUT", "MICROPY_PY_BUILTINS_HELP", "MICROPY_MODULE_FROZEN_STR"),
    *("MICROPY_HW_ENABLE_MDNS_QUERIES", "MICROPY_HW_ENABLE_MDNS_RESPONDER", "MICROPY_PY_ESPNOW"),
    *("MICROPY_HELPER_REPL", "MICROPY_PY_SYS_PS1_PS2", "MICROPY_HW_ENABLE_SDCARD"),
)
ON = (  # what a lock needs
    *("MICROPY_PERSISTENT_CODE_LOAD", "MICROPY_PY_BLUETOOTH", "MICROPY_PY_NETWORK", "MICROPY_PY_MACHINE_WDT"),
    *("MICROPY_PY_ASYNCIO", "MICROPY_PY_CRYPTOLIB", "MICROPY_PY_HASHLIB_SHA256", "MICROPY_PY_OS_URANDOM"),
)


def cpp(board, tmp_path, source, settings=None, *flags):
    """`source` after the preprocessor, with a board's settings over MicroPython's, on empty headers of ESP-IDF."""
    stubs = tmp_path / "stubs"
    asked = re.findall(r'#include "([\w/]+\.h)"', (MICROPYTHON / "ports/esp32/mpconfigport.h").read_text())
    for name in {*asked} - {"mpconfigboard.h"}:
        (stubs / name).parent.mkdir(parents=True, exist_ok=True)
        (stubs / name).write_text("")
    port = MICROPYTHON / "ports" / "esp32"
    chip = pins_of(board)["CHIP"]
    caps = {**CAPS[chip], f"CONFIG_IDF_TARGET_{chip.upper()}": 1, "CONFIG_BT_NIMBLE_TASK_STACK_SIZE": 6144}
    folder = settings or ROOT / "boards" / board
    command = [
        "gcc",
        "-E",
        "-P",
        "-x",
        "c",
        *flags,
        f'-DMP_CONFIGFILE="{SHARED / "settings.h"}"',
        "-DNO_QSTR",
    ]
    command += [f"-D{name}={value}" for name, value in caps.items()]
    command += [f"-I{path}" for path in (stubs, folder, port, MICROPYTHON)] + ["-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "redefined" not in done.stderr
    return done.stdout


def switched_on(board, tmp_path, names, settings=None):
    asked = "".join(f'#if {name}\non "{name}"\n#endif\n' for name in names)
    source = f'#include "py/mpconfig.h"\n#include "ports/esp32/uart.h"\n{asked}'
    return re.findall(r'on "(\w+)"', cpp(board, tmp_path, source, settings))


@with_sources
@pytest.mark.parametrize("board", BOARDS)
def test_no_prompt_and_no_listener_is_left_in_the_image(board, tmp_path):
    assert switched_on(board, tmp_path, OFF) == []
    assert sorted(switched_on(board, tmp_path, ON)) == sorted(ON)


@with_sources
@pytest.mark.parametrize("board", BOARDS)
def test_a_stock_image_has_them_so_this_test_can_fail(board, tmp_path):
    (tmp_path / "mpconfigboard.h").write_text(f'#define MICROPY_HW_BOARD_NAME "{board}"\n')
    found = switched_on(board, tmp_path, OFF, tmp_path)
    assert {"MICROPY_ENABLE_COMPILER", "MICROPY_KBD_EXCEPTION", "MICROPY_HW_ENABLE_MDNS_RESPONDER"} <= set(
        found
    )
    lines = {"MICROPY_HW_ENABLE_UART_REPL", "MICROPY_HW_USB_CDC", "MICROPY_HW_ESP_USB_SERIAL_JTAG"}
    assert lines & set(found)


@with_sources
def test_every_name_in_our_settings_is_one_of_micropythons():
    ours = set()
    for path in (*SHARED.glob("*.h"), *ROOT.glob("boards/*/mpconfigboard.h")):
        if path.parent.name != "qemu_rv32":
            ours |= set(re.findall(r"#(?:define|undef) (MICROPY_\w+)", path.read_text()))
    theirs = set()
    for folder in ("py", "extmod", "shared/runtime", "ports/esp32"):
        for path in (MICROPYTHON / folder).rglob("*.[ch]"):
            theirs |= set(re.findall(r"MICROPY_\w+", path.read_text(errors="replace")))
    assert len(ours) > 20 and ours - theirs == set()


@with_sources
@pytest.mark.parametrize("board", BOARDS)
def test_what_main_calls_and_pyexec_lacks_without_a_compiler_is_in_no_prompt(board, tmp_path):
    """Both files of MicroPython as the preprocessor leaves them, and ours as the compiler sees it."""
    runtime = MICROPYTHON / "shared" / "runtime"
    called = set(re.findall(r"\b(pyexec_\w+)\(", (MICROPYTHON / "ports/esp32/main.c").read_text()))
    body = re.sub(r"(?m)^#include.*$", "", (runtime / "pyexec.c").read_text())
    frozen = "-DMICROPY_MODULE_FROZEN_MPY=1"  # as the build says when a manifest is given
    pyexec = cpp(board, tmp_path, f'#include "py/mpconfig.h"\n{body}', None, frozen)
    defined = set(re.findall(r"(?m)^int (pyexec_\w+)\([^;{]*\)\s*\{", pyexec))
    ours = (SHARED / "no_prompt.c").read_text()
    assert "pyexec_frozen_module" in called & defined
    assert called - defined == set(re.findall(r"(?m)^int (pyexec_\w+)\(", ours)) != set()
    theirs = re.findall(r"(?m)^int pyexec_\w+_repl\(void\);", (runtime / "pyexec.h").read_text())
    assert len(theirs) == 2
    source = "void esp_restart(void) __attribute__((noreturn));\n" + "\n".join(theirs)
    source += re.sub(r"(?m)^#include.*$", "", ours)
    checked = ["gcc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c", "-"]
    done = subprocess.run(checked, input=source, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# ---- sdkconfig

_KEY = re.compile(r'^CONFIG_(\w+)=("?)([^"\n]*)\2$')


def options(path: Path) -> dict[str, str]:
    """What an sdkconfig file sets. Every line of it is a comment, empty, or an option."""
    found = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            key = _KEY.match(line)
            assert key, f"{path.name}: {line}"
            assert key[1] not in found, f"{path.name}: {key[1]} twice"
            found[key[1]] = key[3]
    return found


def our_options() -> dict[str, str]:
    files = [*SHARED.glob("sdkconfig.*"), *(ROOT / "boards" / board / "sdkconfig.board" for board in BOARDS)]
    return {key: value for path in files for key, value in options(path).items()}


def explained() -> dict[str, str]:
    """option -> the file of ESP-IDF that has it, as the README's table says."""
    rows = re.findall(r"(?m)^\| `(\w+)` \|.*\| `([\w/.]+)` \|$", (SHARED / "README.md").read_text())
    return dict(rows)


def test_every_option_is_explained_and_nothing_else_is():
    assert set(explained()) == set(our_options()) | {"PARTITION_TABLE_CUSTOM_FILENAME"}


@pytest.mark.skipif(not IDF, reason="needs RINGSLOT_ESP_IDF, a checkout of ESP-IDF")
@pytest.mark.parametrize("key", sorted(our_options()))
def test_every_option_is_one_of_esp_idfs(key):
    text = (Path(IDF or "") / "components" / explained()[key]).read_text()
    assert re.search(rf"(?m)^\s*config {key}$", text), f"{key} is not in {explained()[key]}"


@with_sources
@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("board", BOARDS)
def test_the_definition_names_files_that_exist_and_its_options_win(board, secure, tmp_path):
    """mpconfigboard.cmake, run by CMake itself as the port's CMakeLists.txt includes it."""
    folder = ROOT / "boards" / board
    script = tmp_path / "try.cmake"
    asked = (
        "IDF_TARGET",
        "SDKCONFIG_DEFAULTS",
        "MICROPY_FROZEN_MANIFEST",
        "MICROPY_SOURCE_BOARD",
        "MICROPY_DEF_BOARD",
    )
    script.write_text(
        f"set(MICROPY_BOARD_DIR {folder})\nset(RINGSLOT_SECURE {int(secure)})\n"
        + "include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)\n"
        + "".join(f'message("{name}=${{{name}}}")\n' for name in asked)
    )
    done = subprocess.run(["cmake", "-P", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = dict(line.split("=", 1) for line in done.stderr.splitlines())
    assert said["IDF_TARGET"] == pins_of(board)["CHIP"]
    assert said["MICROPY_FROZEN_MANIFEST"] == str(folder / "manifest.py")
    assert Path(said["MICROPY_SOURCE_BOARD"]) == SHARED / "no_prompt.c"
    assert said["MICROPY_DEF_BOARD"] == f'MP_CONFIGFILE="{SHARED / "settings.h"}"'
    final: dict[str, str] = {}
    for name in said["SDKCONFIG_DEFAULTS"].split(";"):
        path = MICROPYTHON / "ports" / "esp32" / name  # an absolute name stays what it is
        if path.is_relative_to(ROOT / "boards") or path.is_relative_to(tmp_path):
            final.update(options(path))
        elif path.exists() or not name.startswith("boards/") or IS_THE_VERSION:  # their own style allows more
            final.update(re.findall(r'(?m)^CONFIG_(\w+)="?([^"\n]*)"?$', path.read_text()))
    expected = {**options(SHARED / "sdkconfig.hardened"), **options(folder / "sdkconfig.board")}
    expected |= options(SHARED / "sdkconfig.secure") if secure else {}
    assert {key: final[key] for key in expected} == expected
    assert ("SECURE_BOOT" in final) is secure
    assert Path(final["PARTITION_TABLE_CUSTOM_FILENAME"]).parent == SHARED
    assert final["BT_NIMBLE_ENABLED"] == "y"
    size = board_data.read(board)["flash_size"] >> 20
    assert final[f"ESPTOOLPY_FLASHSIZE_{size}MB"] == "y"
    assert Path(final["PARTITION_TABLE_CUSTOM_FILENAME"]).name == f"partitions-{size}MiB.csv"
    needs = {"esp32c6": "boards/sdkconfig.c6"}.get(pins_of(board)["CHIP"])
    assert needs is None or needs in said["SDKCONFIG_DEFAULTS"]


# ---- partitions

FLAGS = {"", "encrypted"}
KINDS = {("data", "nvs"), ("data", "phy"), ("data", "nvs_keys"), ("app", "factory"), ("data", "fat")}
_SECTOR, _APP = 0x1000, 0x10000


def faults(text: str, flash: int, table: int) -> list[str]:
    """What is wrong with a partition table, as sentences; `table`: the offset of the table itself."""
    found, end, seen = [], table + _SECTOR, {}
    rows = csv.reader(line for line in text.splitlines() if line and not line.startswith("#"))
    for row in rows:
        fields = [field.strip() for field in row] + [""]
        name, kind, sub, offset, size, flags = fields[:6]
        if (kind, sub) not in KINDS or flags not in FLAGS or len(name) > 15 or name in seen:
            found.append(f"{name}: not a row that we know")
            continue
        start, length = int(offset, 16), int(size, 16)
        seen[name] = (kind, sub, start, length, flags)
        if (
            start % (_APP if kind == "app" else _SECTOR)
            or length % (_APP if kind == "app" else _SECTOR)
            or not length
        ):
            found.append(f"{name}: not aligned")
        if start < end:
            found.append(f"{name}: overlaps what is before it")
        end = start + length
        if end > flash:
            found.append(f"{name}: beyond the flash")
    for need in ("nvs", "nvs_keys", "phy_init", "factory", "vfs"):
        if need not in seen:
            found.append(f"{need}: is not there")
    for secret in ("vfs", "nvs_keys"):
        if secret in seen and seen[secret][4] != "encrypted":
            found.append(f"{secret}: would stay in clear")
    return found


def table_of(board: str) -> tuple[str, int, int]:
    flash = board_data.read(board)["flash_size"]
    offset = int(options(SHARED / "sdkconfig.hardened")["PARTITION_TABLE_OFFSET"], 16)
    return (SHARED / f"partitions-{flash >> 20}MiB.csv").read_text(), flash, offset


@pytest.mark.parametrize("board", BOARDS)
def test_the_partitions_are_aligned_do_not_overlap_and_fit(board):
    assert faults(*table_of(board)) == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("0x20000,", "0x21000,", "not aligned"),
        ("0x11000,", "0x10000,", "overlaps"),
        ("0x1F0000, encrypted", "0x200000, encrypted", "beyond"),
        ("0x1F0000, encrypted", "0x1F0000,", "in clear"),
        ("nvs_keys, data, nvs_keys", "keys, data, nvs_keys", "is not there"),
        ("data, fat", "data, spiffs", "not a row"),
    ],
)
def test_a_wrong_table_is_found(before, after, sentence):
    text, flash, offset = table_of("esp32_dev")
    assert before in text
    assert any(sentence in fault for fault in faults(text.replace(before, after), flash, offset))


def test_the_three_definitions_differ_in_nothing_but_the_chip():
    for board in BOARDS:
        text = (ROOT / "boards" / board / "mpconfigboard.cmake").read_text()
        assert len(text.splitlines()) <= 6 and "esp32_hardened/board.cmake" in text
        name = re.search(
            r'MICROPY_HW_BOARD_NAME "Ringslot (\w+)"',
            (ROOT / "boards" / board / "mpconfigboard.h").read_text(),
        )
        assert name and name[1] == board
        assert CHIPS[pins_of(board)["CHIP"]]
