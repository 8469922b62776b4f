"""The command as one types it: what it prints, what it says when something is missing, and its exit status."""

import contextlib
import hashlib
import json
import secrets
import sqlite3
import stat
import time

import pyotp
import pytest
from click.testing import CliRunner

from cloud.testsite import PASSWORD as TEST_PASSWORD
from cloud.testsite import Site, served
from protocol import cbor, ed25519, roots
from tools.cli import COMMANDS, main

PASSWORD = "correct horse battery"


@pytest.fixture
def ringslot(tmp_path, monkeypatch):
    """ringslot("keys list") in a folder of its own, with a secret in the environment."""
    monkeypatch.setenv("RINGSLOT_SECRET", secrets.token_urlsafe(32))
    for name in (
        "RINGSLOT_DATABASE_URL",
        "RINGSLOT_DATA",
        "RINGSLOT_CLOUD",
        "RINGSLOT_POCKET",
        "RINGSLOT_HCI",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(line: str, stdin: str | None = None):
        result = CliRunner().invoke(main, line.split(), input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(ringslot, command):
    result = ringslot(f"{command} --help")
    assert result.exit_code == 0 and result.output.startswith("Usage: ")


def test_a_command_that_is_not_there_is_a_wrong_argument(ringslot):
    assert ringslot("fly").exit_code == 2


def test_without_a_secret_it_says_how_to_make_one(ringslot, monkeypatch):
    monkeypatch.delenv("RINGSLOT_SECRET")
    result = ringslot("keys list --data fleet")
    assert (
        result.exit_code == 1
        and "RINGSLOT_SECRET is not set" in result.output
        and "token_urlsafe" in result.output
    )


def test_without_a_database_it_says_which_setting_to_set(ringslot):
    result = ringslot("keys list")
    assert result.exit_code == 1 and "--data" in result.output and "RINGSLOT_DATABASE_URL" in result.output


def test_a_database_that_cannot_be_opened_is_one_sentence(ringslot, monkeypatch):
    monkeypatch.setenv("RINGSLOT_DATABASE_URL", "sqlite:////absent/folder/ringslot.db")
    result = ringslot("keys list")
    assert result.exit_code == 1 and "The database said" in result.output and "Traceback" not in result.output


def test_a_lock_is_registered_and_its_files_are_its_owners_alone(ringslot, tmp_path):
    result = ringslot("lock add BIKE-7 --data fleet --out bike-7 --uplink fleet.example:5684 --json")
    lock_id = json.loads(result.output)["lock_id"]
    files = {path.name: path for path in (tmp_path / "bike-7").iterdir()}
    trusted = roots.parse(files["roots"].read_bytes())
    installed = roots.verify(files["keyset"].read_bytes(), trusted, ed25519.verify)
    combs = ["comb-base", *(f"comb-{kid.hex()}" for kid in installed.keys)]
    assert set(installed.combs) == set(installed.keys)
    for kid, digest in installed.combs.items():
        assert hashlib.sha256(files[f"comb-{kid.hex()}"].read_bytes()).digest() == digest
    assert sorted(files) == sorted(["identity", "keyset", "roots", "seed", "settings.json", *combs])
    assert stat.S_IMODE((tmp_path / "fleet" / "development-root.pem").stat().st_mode) == 0o600
    assert trusted[0] == 1 and json.loads(result.output)["development_root"] is True
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files.values())
    identity = cbor.decode(files["identity"].read_bytes())
    assert identity[1].hex() == lock_id and len(identity[2]) == 32 and identity[3] is None
    assert sorted(kid[0] for kid in installed.keys) == [1, 1, 2, 2]
    told = json.loads(files["settings.json"].read_text())
    assert told == {"kind": "exclusive", "uplink_host": "fleet.example", "uplink_port": 5684}
    assert identity[2].hex() not in result.output


def test_the_cloud_knows_how_often_a_lock_calls(ringslot, tmp_path):
    for code, more, every_s in (
        ("BIKE-1", "", 60),
        ("BIKE-2", "--board esp32s3_lock", 14_400),
        ("BIKE-3", "--board esp32s3_lock --set uplink_every_s=600", 600),
    ):
        assert ringslot(f"lock add {code} --data fleet --out {code} {more}").exit_code == 0
        with contextlib.closing(sqlite3.connect(tmp_path / "fleet" / "ringslot.db")) as database:
            found = "SELECT uplink_every_s FROM lock JOIN asset USING (lock_id) WHERE code = ?"
            assert database.execute(found, (code,)).fetchall() == [(every_s,)]


def test_a_folder_that_holds_a_lock_is_not_overwritten(ringslot):
    assert ringslot("lock add BIKE-7 --data fleet --out bike-7").exit_code == 0
    result = ringslot("lock add BIKE-8 --data fleet --out bike-7")
    assert result.exit_code == 1 and "not empty" in result.output


def test_a_code_that_is_taken_writes_no_files(ringslot, tmp_path):
    ringslot("lock add BIKE-7 --data fleet --out bike-7")
    result = ringslot("lock add BIKE-7 --data fleet --out other")
    assert result.exit_code == 1 and not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "line",
    [
        "lock add BIKE_7 --data fleet --out x",
        "lock add BIKE-7 --data fleet --out x --group 12",
        "lock add BIKE-7 --data fleet",
        "hand 0 close",
        "hand 20000 close what",
    ],
)
def test_a_wrong_argument_is_status_2(ringslot, line):
    assert ringslot(line).exit_code == 2


def test_keys_are_made_once_shown_and_dropped(ringslot):
    assert "No keys yet" in ringslot("keys list --data fleet").output
    assert "no signed keyset yet" in ringslot("keys keyset show --data fleet").output
    made = json.loads(ringslot("keys make --data fleet --json").output)["made"]
    assert len(made) == 5
    assert json.loads(ringslot("keys make --data fleet --json").output)["made"] == []
    listed = json.loads(ringslot("keys list --data fleet --json").output)["keys"]
    assert sorted((key["role"], key["state"]) for key in listed) == [
        ("countersign", "current"),
        *(("master", "current"), ("master", "next")),
        *(("ride", "current"), ("ride", "next")),
    ]
    before = {key["state"]: key["kid"] for key in listed if key["role"] == "ride"}
    assert "rotate first" in ringslot(f"keys drop {before['current']} --data fleet").output
    rotated = json.loads(ringslot("keys rotate --role ride --data fleet --json").output)
    assert rotated["current"] == before["next"]
    assert ringslot(f"keys drop {before['current']} --data fleet").exit_code == 0
    assert before["current"] not in ringslot("keys list --data fleet").output
    assert ringslot("keys drop 01ffffff --data fleet").exit_code == 1


def test_private_keys_are_never_printed(ringslot):
    ringslot("keys make --data fleet")
    listed = json.loads(ringslot("keys list --data fleet --json").output)["keys"]
    assert all(set(key) == {"kid", "role", "state", "public", "nbf", "exp"} for key in listed)


def test_a_person_is_added_once(ringslot):
    assert ringslot("user add chief --role admin --data fleet --password-stdin", PASSWORD).exit_code == 0
    result = ringslot("user add chief --data fleet --password-stdin", PASSWORD)
    assert result.exit_code == 1 and "taken" in result.output
    assert "10 to 128" in ringslot("user add other --data fleet --password-stdin", "short").output


def test_with_several_operators_a_lock_and_its_staff_name_theirs(ringslot, tmp_path):
    assert "No operators yet" in ringslot("operator list --data fleet").output
    ids = [ringslot(f"operator add {name} --data fleet").output.strip() for name in ("North", "South")]
    listed = json.loads(ringslot("operator list --data fleet --json").output)["operators"]
    assert {row["operator_id"]: row["name"] for row in listed} == dict(
        zip(ids, ("North", "South"), strict=True)
    )
    result = ringslot("lock add BIKE-7 --data fleet --out bike-7")
    assert (
        result.exit_code == 1 and "several operators" in result.output and not (tmp_path / "bike-7").exists()
    )
    assert ringslot(f"lock add BIKE-7 --data fleet --out bike-7 --operator {ids[1]}").exit_code == 0
    add = "user add chief --data fleet --password-stdin --operator"
    for wrong in ("nobody", f"{ids[0]} --role rider"):
        assert ringslot(f"{add} {wrong}", PASSWORD).exit_code == 1
    assert ringslot(f"{add} {ids[1]} --role admin", PASSWORD).exit_code == 0


def test_a_second_factor_is_given_once_and_again_to_whoever_lost_it(ringslot):
    ringslot("user add chief --role admin --data fleet --password-stdin", PASSWORD)
    first = json.loads(ringslot("user second-factor chief --data fleet --json").output)
    assert first["uri"].startswith("otpauth://totp/") and len(first["recovery_codes"]) == 10
    assert "remove it first" in ringslot("user second-factor chief --data fleet").output
    again = json.loads(ringslot("user second-factor chief --data fleet --reset --json").output)
    assert again["secret"] != first["secret"]
    assert "Nobody" in ringslot("user second-factor nobody --data fleet").output


def test_a_phone_asks_for_the_second_factor_of_whoever_has_one(ringslot, tmp_path):
    site = Site(tmp_path, now=int(time.time()))
    anna = site.person(login="anna")
    secret = anna.post("/me/totp").get_json()["secret"]
    codes = anna.post("/me/totp/confirm", code=pyotp.TOTP(secret).at(site.now)).get_json()["recovery_codes"]
    with served(site, tmp_path / "log") as (host, port):
        line = f"phone --cloud http://{host}:{port} --pocket pocket sign-in anna --password-stdin"
        wrong = ringslot(line, f"{TEST_PASSWORD}\n000000\n")
        assert wrong.exit_code == 1 and "This code is wrong" in wrong.output
        right = ringslot(line, f"{TEST_PASSWORD}\n{codes[0]}\n")
        assert right.exit_code == 0 and "Signed in as anna." in right.output, right.output
    site.close()


def test_a_phone_without_cloud_or_claim_says_what_to_do(ringslot):
    result = ringslot("phone --cloud http://127.0.0.1:9 bikes")
    assert result.exit_code == 1 and "does not answer" in result.output
    result = ringslot("phone --pocket pocket unlock")
    assert result.exit_code == 1 and "ringslot phone claim" in result.output


def test_a_track_that_cannot_be_read_stops_the_demo_before_it_starts(ringslot, tmp_path):
    (tmp_path / "a.gpx").write_text("<gpx>\n<trk/>")
    result = ringslot("demo --track a.gpx")
    assert result.exit_code == 1 and "a.gpx, line 2: " in result.output


def test_a_folder_with_something_in_it_is_not_kept_into(ringslot, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").touch()
    result = ringslot("demo --keep run")
    assert result.exit_code == 1 and "not empty" in result.output and (tmp_path / "run" / "mine").exists()


def test_a_hand_at_a_port_without_a_lock_says_so(ringslot):
    result = ringslot("hand 9 close")
    assert result.exit_code == 1 and "`ringslot sim` prints the port" in result.output


@pytest.mark.parametrize(
    "line, sentence",
    [
        (
            "power esp32s3_lock --svg /dev/full",
            "No space left on device: make room, then run the same command again",
        ),
        ("power esp32s3_lock --svg /absent/power.svg", "/absent/power.svg: No such file or directory"),
        ("release build esp32s3_lock --version 1 --expires 2030-01-01 --out /proc/r1", "/proc/r1"),
        ("phone --cloud http://127.0.0.1:1 --pocket pocket claim BIKE-7", "does not answer"),
        ("phone --cloud http://127.0.0.1:1 --pocket pocket service 0011223344556677", "does not answer"),
    ],
)
def test_a_full_disk_and_a_cloud_that_is_away_are_one_sentence(ringslot, line, sentence):
    result = ringslot(line)
    assert result.exit_code == 1 and sentence in result.output and "Traceback" not in result.output, (
        result.output
    )
    assert result.output.count("\n") == 1
