"""The console's phrases: every language has every one, with the same blanks, and no script asks for one that is not."""

import re
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parent / "static/console"
LANGUAGES = ("en", "nl")
PHRASE = re.compile(r'^  (?:"([^"]+)"|(\w+)): (.+),$', re.M)
ASKED = re.compile(r'\bt\(\s*"([^"]+)"')
BEGUN = re.compile(r"\bt\(\s*`([a-z_.]+)\$\{")  # t(`role.${...}`)
LISTED = re.compile(r'\bword\(\s*"([a-z_]+)"')
PAIRED = re.compile(r'^\s*\["([a-z_]+\.[a-z_]+)", .+\],$', re.M)  # rows of facts


def phrases(language):
    """{key: what it says}"""
    files = sorted(CONSOLE.glob(f"words_{language}*.js"))
    found = [(a or b, said) for path in files for a, b, said in PHRASE.findall(path.read_text())]
    assert len(found) == len(dict(found)), "a key is there twice"
    assert files and len(found) == sum(
        line.startswith('  "') or bool(re.match(r"  \w+:", line))
        for path in files
        for line in path.read_text().splitlines()
    )
    return dict(found)


def missing(script, keys):
    """What a script says by a key that no language has."""
    asked = set(ASKED.findall(script)) | set(PAIRED.findall(script))
    begun = set(BEGUN.findall(script)) | {f"{name}." for name in LISTED.findall(script)}
    found = sorted(asked - set(keys))
    return found + sorted(start for start in begun if not any(key.startswith(start) for key in keys))


def blanks(said):
    return set(re.findall(r"\{(\w+)\}", said))


def test_every_language_has_every_phrase():
    english = phrases("en")
    assert len(english) > 150
    for language in LANGUAGES[1:]:
        other = phrases(language)
        assert sorted(set(english) ^ set(other)) == []
        different = [key for key, said in english.items() if blanks(said) != blanks(other[key])]
        assert different == []


@pytest.mark.parametrize("script", sorted(CONSOLE.rglob("*.js")), ids=lambda path: path.name)
def test_no_script_asks_for_a_phrase_that_is_not_there(script):
    assert missing(script.read_text(), phrases("en")) == []


def test_a_phrase_that_is_not_there_is_noticed():
    script = 't("frame.more") t("frame.mroe") t(`role.${x}`) t(`roll.${x}`) word("zone", y) word("zoo", y)'
    assert missing(script, phrases("en")) == ["frame.mroe", "roll.", "zoo."]
    assert missing('    ["ride.closde", when(x)],\n', phrases("en")) == ["ride.closde"]
