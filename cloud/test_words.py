"""The pages' phrases: every language has every one, with the same blanks, and no script asks for one that is not."""

import re
from pathlib import Path

import pytest

from cloud import attention, evidence, openapi
from cloud.routes.attention import CODES

STATIC = Path(__file__).parent / "static"
PARTS = {"console": 150, "app": 150, "app/service": 100}  # folder: phrases that it has at the least
BESIDE = {"app/service": "app"}  # folder: whose phrases it says too
LANGUAGES = ("en", "nl")
PHRASE = re.compile(r'^  (?:"([^"]+)"|(\w+)): (.+),$', re.M)
ASKED = re.compile(r'\bt\(\s*"([^"]+)"')
BEGUN = re.compile(r"\bt\(\s*`([a-z_.]+)\$\{")  # t(`role.${...}`)
LISTED = re.compile(r'\bword\(\s*"([a-z_]+)"')
PAIRED = re.compile(r'^\s*\["([a-z_]+\.[a-z_]+)", .+\],$', re.M)  # rows of facts


def phrases(part, language):
    """{key: what it says}"""
    files = sorted((STATIC / part).glob(f"words_{language}*.js"))
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


@pytest.mark.parametrize("part", PARTS)
def test_every_language_has_every_phrase(part):
    english = phrases(part, "en")
    assert len(english) > PARTS[part]
    for language in LANGUAGES[1:]:
        other = phrases(part, language)
        assert sorted(set(english) ^ set(other)) == []
        different = [key for key, said in english.items() if blanks(said) != blanks(other[key])]
        assert different == []


def part_of(path):
    return max((part for part in PARTS if (STATIC / part) in path.parents), key=len)


SCRIPTS = [
    (part_of(path), path) for part in ("console", "app") for path in sorted((STATIC / part).rglob("*.js"))
]


@pytest.mark.parametrize(("part", "script"), SCRIPTS, ids=lambda one: getattr(one, "name", one))
def test_no_script_asks_for_a_phrase_that_is_not_there(part, script):
    known = {**phrases(BESIDE.get(part, part), "en"), **phrases(part, "en")}
    assert missing(script.read_text(), known) == []


def test_each_end_of_what_is_asked_of_a_lock_has_a_sentence_and_its_next_step_a_word():
    """protocol/outcome.js has the closed lists."""
    told = (STATIC / "app/protocol/outcome.js").read_text()
    names = set(re.findall(r'^  \["([A-Z_]+)", ', told, re.M)) | set(
        re.findall(r"^  ([A-Z_]+): ", told, re.M)
    )
    steps = set(re.findall(r'^  "([a-z_]+)", //', told, re.M))
    assert len(names) > 35 and len(steps) > 15
    for language in LANGUAGES:
        said = phrases("app", language)
        assert {key.partition(".")[2] for key in said if key.startswith("outcome.")} == names
        assert {key.partition(".")[2] for key in said if key.startswith("next.")} == steps


ASKED_BY_RIDERS = (  # what the app asks of the API for a rider
    "POST /api/v1/sign-ups",
    "POST /api/v1/users",
    "POST /api/v1/sessions",
    "POST /api/v1/sessions/passkey",
    "GET /api/v1/bikes/{code}",
    "POST /api/v1/claims",
    "DELETE /api/v1/claims/{cti}",
    "POST /api/v1/claims/{cti}/successor",
    "POST /api/v1/faults",
    "POST /api/v1/tickets",
    "POST /api/v1/tickets/{ticket_id}/messages",
)
OF_PROGRAMS = set(
    "bad_json invalid bad_key key_reused key_busy key_cut csrf too_large not_json bad_request".split()
)
OF_PROGRAMS |= set("bad_holder_key wrong_lock scope persons_only prove_again".split())


def test_each_refusal_that_a_rider_may_meet_has_a_sentence(site):
    ops = [op for op in openapi.operations(site.app) if f"{op.method} {op.path}" in ASKED_BY_RIDERS]
    assert len(ops) == len(ASKED_BY_RIDERS)
    met = {code for op in ops for code in openapi.codes(op)}
    own = re.search(r"or ours: ([a-z_, \n*]+)\.", (STATIC / "app/keep/api.js").read_text())
    met |= set(re.findall(r"[a-z_]+", own[1]))
    assert len(met) > 20
    for language in LANGUAGES:
        assert [
            code for code in sorted(met - OF_PROGRAMS) if f"problem.{code}" not in phrases("app", language)
        ] == []


def test_a_phrase_that_is_not_there_is_noticed():
    script = 't("frame.more") t("frame.mroe") t(`role.${x}`) t(`roll.${x}`) word("zone", y) word("zoo", y)'
    assert missing(script, phrases("console", "en")) == ["frame.mroe", "roll.", "zoo."]
    assert missing('    ["ride.closde", when(x)],\n', phrases("console", "en")) == ["ride.closde"]


CLOSES = {rule.code: rule.closes for rule in attention.RULES} | {
    "fault": attention.FAULT_CLOSES,
    "webhook": attention.HOOK_CLOSES,
    "dispute": attention.TICKET_CLOSES,
    "question": attention.TICKET_CLOSES,
    "rollout": attention.ROLLOUT_CLOSES,
}


def test_what_needs_a_person_is_said_in_every_language():
    english = phrases("console", "en")
    assert set(CLOSES) == set(CODES)
    for code, closes in CLOSES.items():
        assert english[f"closes.{code}"] == f'"{closes}"' and f"attention.{code}" in english


def test_evidence_is_said_as_the_api_says_it():
    """The English sentences of the console are those of evidence.py; that the other languages have them, above."""
    english = {key: said for key, said in phrases("console", "en").items() if key.startswith("evidence.")}
    assert english == {f"evidence.{code}": written(said) for code, said in evidence.SAID.items()}


def written(said):
    """As it stands in a table of words."""
    if isinstance(said, str):
        return f'"{said}"'
    return "{ " + ", ".join(f'{form}: "{one}"' for form, one in said.items()) + " }"
