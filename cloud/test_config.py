import os
import subprocess
import sys

import pytest

from cloud import config
from cloud.testsite import ROOT

GOOD = {"RINGSLOT_SECRET": "0123456789abcdef0123456789abcdef", "RINGSLOT_DATABASE_URL": "sqlite:////var/x.db"}


def test_what_is_set_is_read():
    settings = config.from_environment({**GOOD, "RINGSLOT_COAP": "[::1]:5783", "RINGSLOT_PROXIES": "1"})
    assert (
        settings.secret == GOOD["RINGSLOT_SECRET"].encode() and settings.database_url == "sqlite:////var/x.db"
    )
    assert (settings.coap, settings.proxies, settings.still_s) == (("::1", 5783), 1, 300)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_is_missing_is_named(name):
    for environ in ({k: v for k, v in GOOD.items() if k != name}, {**GOOD, name: ""}):
        with pytest.raises(SystemExit, match=f"{name} is not set; set it to"):
            config.from_environment(environ)


@pytest.mark.parametrize(
    "name, value",
    [
        ("RINGSLOT_SECRET", "short"),
        ("RINGSLOT_SECRET", "a" * 40),
        ("RINGSLOT_DATABASE_URL", "mysql://x"),
        ("RINGSLOT_DATABASE_URL", "sqlite://"),
        ("RINGSLOT_DATABASE_URL", "sqlite:///:memory:"),
        ("RINGSLOT_COAP", "5683"),
        ("RINGSLOT_COAP", "host:0"),
        ("RINGSLOT_COAP", "host:70000"),
        ("RINGSLOT_COAP", "host:٣"),
        ("RINGSLOT_PROXIES", "-1"),
        ("RINGSLOT_PROXIES", "many"),
        ("RINGSLOT_STILL_S", "9" * 5000),
        ("RINGSLOT_TILES", "http://tiles.example/{z}/{x}/{y}.png"),
        ("RINGSLOT_TILES", "https://tiles.example/{z}/{x}.png"),
        ("RINGSLOT_TILES", "https://tiles.example; script-src */{z}/{x}/{y}.png"),
        ("RINGSLOT_TILES", "https://{s}.tiles.example/{z}/{x}/{y}.png"),
    ],
)
def test_what_is_wrong_is_named_and_a_secret_never_shown(name, value):
    with pytest.raises(SystemExit, match=name) as stopped:
        config.from_environment({**GOOD, name: value})
    if name == "RINGSLOT_SECRET":
        assert value not in str(stopped.value)


@pytest.mark.parametrize(
    "environ, said", [({}, "RINGSLOT_SECRET is not set"), (GOOD, "The database is at migration None")]
)
def test_gunicorn_does_not_start_half_set(tmp_path, environ, said):
    here = {"RINGSLOT_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"} if environ else {}
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RINGSLOT_")}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "cloud/gunicorn_conf.py",
        "-b",
        "127.0.0.1:0",
        "cloud.wsgi:app",
    ]
    ended = subprocess.run(
        command, cwd=ROOT, env={**outside, **environ, **here}, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 1 and said in ended.stderr and "Booting worker" not in ended.stderr


def test_settings_do_not_show_their_secrets():
    shown = repr(config.from_environment({**GOOD, "RINGSLOT_DATABASE_URL": "postgresql://u:hunter2@h/d"}))
    assert GOOD["RINGSLOT_SECRET"] not in shown and "hunter2" not in shown
