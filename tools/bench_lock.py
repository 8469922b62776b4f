"""What the lock's cryptography and storage cost: `make bench-lock`. Prints one table, writes build/bench-lock.json.

RV32 instructions are counted to the one on boards/qemu_rv32, and repeat. Milliseconds are derived from them, at
160 MHz and 1.3 cycles an instruction: nothing here is read on silicon. x86-64 times are of this machine, now. In the
same run, for ratio: Monocypher's C (from the source archive of pymonocypher) on both, libsodium (of PyNaCl) on x86-64,
and the same verification in MicroPython's big integers.

`--check` compares instructions, and what the lock takes of the heap, with tools/bench-lock-baseline.json and fails
when one has grown by more than 3 %.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import timeit
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import exchange, keys, keyset, token
from tools import comb, heap, keysets, provision, rv32, rv32_build

ROOT = rv32.ROOT
MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"
RESULT = ROOT / "build" / "bench-lock.json"
BASELINE = ROOT / "tools" / "bench-lock-baseline.json"
MHZ, CPI = 160, 1.3
TOLERANCE = 0.03
PYMONOCYPHER = "4.0.3.4"
MESSAGE = 175  # bytes: the Sig_structure of a token for one lock
START = 1_760_000_000
VERIFIER = tuple(
    f"protocol/{name}" for name in ("ed25519", "curve", "scalars", "field25519", "formulas", "sha512", "comb")
)

# operation: the most instructions it may take (the README of protocol/ says what for); None: no budget
BUDGETS = {
    "token verify, hint": 2_200_000,
    "token verify": 2_900_000,
    "holder proof, hints": 5_000_000,
    "holder proof": 6_300_000,
    "unlock but storage, hints": 8_000_000,
    "intent, worst of the first 100": 1_000_000,
    "intent, worst of the last 100": 1_000_000,
}


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def signed(name: str, message: bytes) -> dict[str, bytes]:
    key = private(name)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    return {
        "key": public,
        "message": message,
        "signature": signature,
        "a_x": comb.x_of(public),
        "r_x": comb.x_of(signature[:32]),
    }


def inputs() -> dict:
    """What rv32_bench.py works on; the same bytes every time."""
    ride = private("ride").public_key().public_bytes_raw()
    claims = token.Claims(
        aud=((b"lock-one", 7),),
        exp=START + 300,
        nbf=START,
        iat=START,
        cti=b"claim-no",
        holder=private("rider").public_key().public_bytes_raw(),
        scope=token.SCOPE_RIDE,
        floor=0,
        hold=900,
        longest=86_400,
        mode=token.MODE_SINGLE,
    )
    raw = token.mint(private("ride").sign, keys.kid(keys.RIDE, ride), claims)
    proof = exchange.proof_input(hashlib.sha256(raw).digest(), bytes(32), exchange.OPEN)
    return {
        "issuer": signed("ride", bytes(i & 255 for i in range(MESSAGE))),
        "holder": signed("rider", proof),
        "token": raw,
        "comb of B": comb.base(),
        "comb of issuer": comb.make(ride),
    }


def as_text(item):
    if isinstance(item, dict):
        return {name: as_text(value) for name, value in item.items()}
    return item.hex() if isinstance(item, (bytes, bytearray)) else item


# ---- the lock's own code


def guest(script: str, given: bytes, folder: Path, heap: str) -> list[str]:
    """The lines that a script prints on RV32."""
    files = {**rv32.modules_for(script), "inputs.json": given}
    done = rv32.run_script(ROOT / script, folder, "inputs.json", files=files, heap=rv32.size(heap))
    if done.status:
        raise rv32.MachineError(f"{script} ended with {done.status} on RV32:\n{done.output}")
    return done.output.splitlines()


def on_this_machine(script: str, given: bytes, folder: Path) -> list[str]:
    (folder / "inputs.json").write_bytes(given)
    command = [MICROPYTHON, "-X", "heapsize=4m", script, str(folder / "inputs.json")]
    environ = {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise rv32.MachineError(f"{script} failed on MicroPython:\n{done.stdout}{done.stderr}")
    return done.stdout.splitlines()


def costs(lines: list[str]) -> dict[str, tuple[float, int]]:
    """{operation: (cost, bytes allocated)} of rv32_bench.py's lines."""
    rows = (line.rsplit(" ", 2) for line in lines if not line.startswith("heap "))
    return {name: (float(cost), int(taken)) for name, cost, taken in rows}


def measure(folder: Path) -> tuple[dict, dict]:
    """({operation: {instructions, allocated, x86_us}}, {what: bytes})."""
    given = json.dumps(as_text(inputs())).encode()
    lines = guest("tools/rv32_bench.py", given, folder, "1m")
    here = costs(on_this_machine("tools/rv32_bench.py", given, folder))
    rows = {
        name: {"instructions": int(cost), "allocated": taken, "x86_us": here[name][0]}
        for name, (cost, taken) in costs(lines).items()
    }
    whole = {}
    for line in guest("tools/rv32_bench_unlock.py", given, folder, "4m"):
        name, which, *numbers = line.split()
        whole[name, which] = [int(number) for number in numbers]
    for name, which in (("unlock but storage, hints", "hints"), ("unlock but storage", "plain")):
        rows[name] = {
            key: total - storage - world
            for key in ("instructions", "allocated")
            for total, storage, world in [whole[key, which]]
        }
    rows["intent, mean of 1,000"] = {"instructions": whole["intent", "mean"][0]}
    rows["intent, worst of the first 100"] = {"instructions": whole["intent", "early"][0]}
    rows["intent, worst of the last 100"] = {"instructions": whole["intent", "late"][0]}
    took, used = boot(folder)
    rows["boot to advertising"] = {"instructions": took, "allocated": used}
    return rows, {"a comb": len(comb.base())}


def provisioned() -> dict[str, bytes]:
    """The files of a lock with one issuer and its combs; the same bytes every time."""
    ride = private("ride").public_key().public_bytes_raw()
    entries = [(keys.kid(keys.RIDE, ride), ride, START, START + 86_400)]
    settings = {"kind": "exclusive", "uplink_host": "192.0.2.1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "lock"
        trusted, signed = keysets.under_one_root(keyset.encode(1, entries))
        provision.write(folder, provision.Identity(b"lock-one", bytes(32)), trusted, signed, settings)
        return provision.read(folder)


def boot(folder: Path) -> tuple[int, int]:
    """(instructions to the first advertisement, bytes of heap then in use: code, combs, and the simulated world)."""
    files = rv32.modules_for("tools/rv32_bench_boot.py")
    files |= {f"lock/{name}": data for name, data in provisioned().items()}
    script = ROOT / "tools" / "rv32_bench_boot.py"
    done = rv32.run_script(script, folder, files=files, heap=rv32.size("1m"))
    if done.status:
        raise rv32.MachineError(f"the lock did not boot on RV32:\n{done.output}")
    _, took, used = done.output.split()
    return int(took), int(used)


def memory() -> dict[str, int]:
    """What a lock takes of the heap on RV32; see heap.py. Repeats to the last byte."""
    found = heap.measure(provisioned())
    return {
        "code of the verifier": found.part(VERIFIER),
        "code of all else": found.code - found.part(VERIFIER),
        "combs": found.combs,
        "objects after boot": found.objects,
        "names stored": found.names,
    }


def mpy_sizes() -> dict[str, dict[str, int]]:
    """Bytes of .mpy by architecture, linked: of the whole lock, and of the verifier alone."""
    return {
        arch: {"lock": mpy_size("firmware/lock.py", arch), "verifier": mpy_size("protocol/ed25519.py", arch)}
        for arch in ("xtensawin", "rv32imc")
    }


def mpy_size(script: str, arch: str) -> int:
    linked = rv32.linked_of(rv32.sources_for(script), [script])
    return sum(len(rv32.compile_text(path, text, arch, lean=True)) for path, text in linked.items())


# ---- others, for ratio


def monocypher() -> dict[str, float]:
    """One verification in C: instructions on RV32, microseconds here."""
    made = ROOT / "build" / "bench"
    source = made / f"pymonocypher-{PYMONOCYPHER}"
    if not source.exists():
        only = ["--no-binary", "pymonocypher"]  # ":all:" would build Cython from its sources too: minutes
        wanted = ["download", "--quiet", "--no-deps", *only, "--dest", made]
        run([sys.executable, "-m", "pip", *wanted, f"pymonocypher=={PYMONOCYPHER}"])
        with tarfile.open(made / f"pymonocypher-{PYMONOCYPHER}.tar.gz") as archive:
            archive.extractall(made, filter="data")
    files = [ROOT / "tools" / "bench_monocypher.c", source / "monocypher.c"]
    flags = ["-O2", f"-I{source}", "-ffunction-sections", "-Wl,--gc-sections"]
    here = made / "monocypher.x86"
    run(["gcc", *flags, *files, "-o", here])
    bare = ["--specs=picolibc.specs", "-mabi=ilp32", "-mno-relax", *flags]
    objects = [made / f"{path.stem}.o" for path in files]
    for path, made_of in zip(objects, files, strict=True):
        run([rv32_build.GCC, *bare, "-march=rv32imc_zicsr", "-c", made_of, "-o", path])
    elf = made / "monocypher.elf"
    layout = rv32_build.BOARD / "memory.ld"
    run([rv32_build.GCC, *bare, "-march=rv32imac", "-nostartfiles", f"-T{layout}", *objects, "-o", elf])
    return {
        "instructions": int(run(rv32.command(elf, icount=True))),
        "x86_us": int(run([here])) / 1000,
    }


def run(command: list) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise rv32.MachineError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def libsodium_us(one: dict[str, bytes]) -> float:
    from nacl.bindings import crypto_sign_open

    message = one["signature"] + one["message"]
    return min(timeit.repeat(lambda: crypto_sign_open(message, one["key"]), number=200, repeat=7)) / 200 * 1e6


# ---- the table


def ms(instructions: int) -> float:
    return instructions * CPI / (MHZ * 1000)


def table(result: dict) -> list[str]:
    lines = [
        f"{'':31}{'RV32':>12}{'ms at':>9}{'budget':>12}{'x86-64':>10}{'heap':>9}",
        f"{'':31}{'instr.':>12}{'160 MHz':>9}{'instr.':>12}{'us':>10}{'bytes':>9}",
    ]
    for name, row in result["operations"].items():
        count, us, taken = row.get("instructions"), row.get("x86_us"), row.get("allocated")
        budget = BUDGETS.get(name)
        lines.append(
            f"{name:31}{count or '':>12,}{ms(count):>9.2f}"
            f"{format(budget, ',') if budget else '':>12}"
            f"{format(us, '.1f') if us else '':>10}{'' if taken is None else format(taken, ','):>9}"
            if count
            else f"{name:31}{'':>12}{'':>9}{'':>12}{us:>10.1f}"
        )
    for arch, sizes in result["mpy"].items():
        lines.append(
            f".mpy for {arch}: the lock {sizes['lock']:,} bytes, of it the verifier {sizes['verifier']:,}"
        )
    for name, size in result["tables"].items():
        lines.append(f"{name}: {size:,} bytes")
    taken = ", ".join(f"{name} {size:,}" for name, size in result["heap"].items())
    lines.append(f"heap on RV32: {taken}")
    lines.append(f"ms are derived: instructions x {CPI} cycles / {MHZ} MHz; nothing was read on silicon.")
    return lines


def regressions(result: dict, baseline: dict) -> list[str]:
    """A sentence for each operation that takes more than it may."""
    found = []
    for name, before in baseline["instructions"].items():
        now = result["operations"].get(name, {}).get("instructions")
        if now is None:
            found.append(f"{name}: not measured any more")
        elif now > before * (1 + TOLERANCE):
            found.append(f"{name}: {now:,} instructions, {now / before - 1:+.1%} from {before:,}")
    for name, before in baseline["heap"].items():
        now = result["heap"].get(name, 0)
        if now > before * (1 + TOLERANCE):
            found.append(f"{name}: {now:,} of the heap, {now / before - 1:+.1%} from {before:,}")
    return found


def over_budget(result: dict) -> list[str]:
    return [
        f"{name}: {result['operations'][name]['instructions']:,} instructions, over the budget of {most:,}"
        for name, most in BUDGETS.items()
        if result["operations"].get(name, {}).get("instructions", 0) > most
    ]


@click.command(help=__doc__)
@click.option("--check", is_flag=True, help="Fail on a regression or on a budget that is not kept.")
@click.option("--renew", is_flag=True, help="Write the baseline anew.")
def main(check: bool, renew: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        operations, tables = measure(Path(folder))
    operations["Monocypher, C, any key"] = monocypher()
    operations["libsodium, C, any key"] = {"x86_us": libsodium_us(signed("rider", bytes(MESSAGE)))}
    result = {
        "operations": operations,
        "tables": tables,
        "mpy": mpy_sizes(),
        "heap": memory(),
        "mhz": MHZ,
        "cpi": CPI,
        "compiler": rv32_build.compiler(),
        "micropython": rv32_build.VERSION,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    click.echo("\n".join(table(result)))
    counted = {name: row["instructions"] for name, row in operations.items() if "instructions" in row}
    if renew:
        BASELINE.write_text(
            json.dumps(
                {"compiler": result["compiler"], "instructions": counted, "heap": result["heap"]}, indent=2
            )
            + "\n"
        )
    if check:
        wrong = regressions(result, json.loads(BASELINE.read_text())) + over_budget(result)
        click.echo(
            "\n".join(wrong)
            if wrong
            else "No operation has grown by more than 3 %, and all budgets are kept."
        )
        sys.exit(bool(wrong))


if __name__ == "__main__":
    try:
        main()
    except (rv32_build.BuildError, rv32.MachineError) as why:
        sys.exit(str(why))
