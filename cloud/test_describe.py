"""A route does what it says of itself, since both come from the same table."""

import pytest
from flask import Flask

from cloud import body, describe, paging
from cloud import problem as problems
from cloud.describe import Fields, Page, answers, asks, paged, takes
from cloud.shapes import CommandAsked, Locks
from cloud.testsite import problem


@pytest.fixture
def app(site):
    """Two routes of a test's own on an application that is set up as ours."""
    bare = Flask("bare")
    bare.json.sort_keys = False

    problems.install(bare)

    @bare.post("/things")
    @takes({"kind": body.word("find")}, {"count": body.integer(0, 9)})
    @answers(202, location="/things/{command_id}")
    def make(fields: Fields) -> CommandAsked:
        return {"command_id": fields["count"] or 7, "kind": fields["kind"]}

    @bare.get("/things")
    @asks(wide=body.boolean, lat=body.number(-90, 90))
    @paged(body.integer(), body.code, most=3)
    @answers()
    def listed(page: Page, asked: Fields) -> Locks:
        rows = [(n, f"c{n}") for n in range(5) if page.after is None or (n, f"c{n}") > page.after]
        shown, following = page.cut(rows[: page.fetch], lambda row: row)
        return {"locks": [n for n, _ in shown], "next": following, **asked}

    @bare.delete("/things")
    @answers()
    def drop() -> None:
        return None

    describe.install(bare)
    return bare.test_client()


def test_the_body_is_read_by_the_table_and_the_answer_has_the_status_said(app):
    answer = app.post("/things", json={"kind": "find"})
    assert answer.status_code == 202 and answer.get_json() == {"command_id": 7, "kind": "find"}
    assert answer.headers["Location"] == "/things/7"
    problem(app.post("/things", json={"kind": "open"}), 422, "invalid")
    problem(app.post("/things", json={"kind": "find", "count": 10}), 422, "invalid")
    problem(app.post("/things", data=b"x"), 415, "not_json")
    assert app.delete("/things").status_code == 204


def test_what_the_url_asks_is_read_by_the_table(app):
    shown = app.get("/things?wide=true&lat=52.5").get_json()
    assert (shown["wide"], shown["lat"]) == (True, 52.5)
    assert app.get("/things").get_json()["wide"] is None
    for query in ("wide=1", "lat=x", "lat=91", "lat=1e1", "lat=nan", "wide=true&wide=true", "other=1"):
        problem(app.get("/things?" + query), 422, "invalid")


def test_pages_follow_each_other_to_the_end(app):
    seen, query = [], "limit=2"
    for _ in range(9):
        page = app.get("/things?" + query).get_json()
        seen.append(page["locks"])
        if page["next"] is None:
            break
        query = f"limit=2&cursor={page['next']}"
    assert seen == [[0, 1], [2, 3], [4]]
    assert len(app.get("/things").get_json()["locks"]) == 3  # no more than `most`, asked or not
    problem(app.get("/things?limit=4"), 422, "invalid")


@pytest.mark.parametrize("key", [(1,), (1, "c", 2), ("1", "c"), (-1, "c"), (1, "c\n"), (True, "c"), 1, "x"])
def test_a_cursor_of_another_list_is_refused(app, key):
    problem(app.get(f"/things?cursor={paging.encode(key)}"), 422, "invalid")
    assert app.get(f"/things?cursor={paging.encode((1, 'c1'))}").get_json()["locks"] == [2, 3, 4]


def test_a_reader_without_a_schema_and_a_code_that_is_none_stop_at_once():
    with pytest.raises(TypeError, match="no schema"):
        takes({"kind": str})
    with pytest.raises(AssertionError, match="no_such_code"):
        answers(problems=("no_such_code",))


@pytest.mark.parametrize(
    "reader, good, bad",
    [
        (body.text(1, 3), ["a", "é ñ"], ["", "abcd", "a\n", 1, None]),
        (body.password, ["x" * 10], ["short", "x" * 129]),
        (body.word("a", "b"), ["a"], ["c", 1]),
        (body.code, ["A-1"], ["a b", "", "a" * 33]),
        (body.board, ["sim_1"], ["Sim", ""]),
        (body.integer(2, 4), [2, 4], [1, 5, 2.5, "2", True]),
        (body.number(-1, 1), [0, 0.5, -1], [2, "0", True]),
        (body.boolean, [True, False], [0, "true"]),
        (body.hex_of(4), ["0a1b2c3d"], ["0A1B2C3D", "0a", "0a1b2c3d\n"]),
        (body.b64_of(2, 4), ["AAA", "AAAAAA"], ["AA", "AAAAAAA", "A+A", "AAA="]),
        (body.list_of(body.code, 1, 2), [["a"], ["a", "b"]], [[], ["a", "a"], ["a", "b", "c"], "a"]),
        (
            body.object_of({"a": body.code}, {"b": body.code}),
            [{"a": "x"}, {"a": "x", "b": None}],
            [{}, {"a": "x", "c": 1}],
        ),
    ],
)
def test_a_reader_takes_what_its_schema_takes(reader, good, bad):
    from jsonschema import Draft202012Validator

    check = Draft202012Validator(reader.schema)
    check.check_schema(reader.schema)
    for value in good:
        reader(value)
        assert check.is_valid(value), value
    for value in bad:
        with pytest.raises(ValueError):
            reader(value)
    refused = [value for value in bad if not check.is_valid(value)]
    assert len(refused) >= len(bad) - 2, "a schema that says next to nothing"
