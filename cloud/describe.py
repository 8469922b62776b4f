"""What a route takes and answers, said once: the reading, the answering and the API's description follow from it.

    @routes.post("/<id8:lock_id>/commands")
    @allow(*STAFF)
    @takes({"kind": body.word(*commands.KINDS)})            # the body, handed over as `fields`
    @answers(202)                                           # the status; codes of problem.TABLE as `problems=`
    def command(lock_id: str, fields: Fields) -> shapes.CommandAsked: ...

The shape of the answer is the view's return annotation, a TypedDict that mypy checks; None is an empty 204. @asks reads
the URL's parameters (`asked`), @paged those of a long list (`page`). These only mark a view; `install` gives each its
reading and answering, and stops the start over an API route without @answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, get_type_hints

from flask import Flask, Response, jsonify, request

from cloud import auth, body, conditions, paging
from cloud.paging import Page as Page
from cloud.problem import TABLE, Problem

PREFIX = "/api/v1/"
JSON = "application/json"
Fields = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])
Table = Mapping[str, body.Reader]


@dataclass
class Description:
    """What is known of one view. `shape` is None where nothing is answered, and for what is no JSON; `others`: shapes
    of refusals that are no problem+json, by status."""

    answered: bool = False
    status: int = 200
    media: tuple[str, ...] = (JSON,)
    location: str | None = None
    shape: Any = None
    problems: tuple[str, ...] = ()
    required: Table | None = None  # of the body; None: no body is read
    optional: Table = field(default_factory=dict)
    files: Mapping[str, int] | None = None
    form: tuple[str, ...] | None = None
    largest: int = 0  # bytes of a body with files
    guarded: bool = False
    asked: Table = field(default_factory=dict)
    others: Mapping[int, Any] = field(default_factory=dict)
    keys: tuple[body.Reader, ...] | None = None  # of the cursor; None: no pages
    most: int = paging.MOST

    @property
    def query(self) -> dict[str, body.Reader]:
        """Every parameter of the URL."""
        if self.keys is None:
            return dict(self.asked)
        return {**self.asked, "cursor": paging.cursor(self.keys), "limit": body.integer(1, self.most)}


def of(view: Any) -> Description:
    """The view's own, to fill; wrappers made with functools.wraps share it."""
    if not hasattr(view, "described"):
        view.described = Description()
    found: Description = view.described
    return found


def takes(required: Table, optional: Table | None = None) -> Callable[[View], View]:
    """A JSON body of these fields, handed over as `fields`."""
    _check({**required, **(optional or {})})

    def mark(view: View) -> View:
        of(view).required, of(view).optional = required, optional or {}
        return view

    return mark


def takes_files(largest: int, **parts: int) -> Callable[[View], View]:
    """multipart/form-data of `largest` bytes at most, with so many files at most under each name; the view reads them
    itself, as they may be large."""

    def mark(view: View) -> View:
        of(view).files, of(view).largest = parts, largest
        return view

    return mark


def takes_form(*names: str) -> Callable[[View], View]:
    """application/x-www-form-urlencoded with these fields, which the view reads itself."""

    def mark(view: View) -> View:
        of(view).form = names
        return view

    return mark


def speaks(shape: Any, others: Mapping[int, Any]) -> Callable[[View], View]:
    """The view returns a Response of this shape, and refuses in a form of its own (a standard's). Under @answers."""

    def mark(view: View) -> View:
        of(view).shape, of(view).others = shape, others
        return view

    return mark


def guarded(view: View) -> View:
    """The view heeds If-Match: it calls conditions.unchanged before it changes anything."""
    of(view).guarded = True
    return view


def asks(**table: body.Reader) -> Callable[[View], View]:
    """Optional parameters of the URL, handed over as `asked`."""
    _check(table)

    def mark(view: View) -> View:
        of(view).asked = table
        return view

    return mark


def paged(*keys: body.Reader, most: int = paging.MOST) -> Callable[[View], View]:
    """A page of a long list, handed over as `page`; `keys` read the sort key of a row: see paging.py."""

    def mark(view: View) -> View:
        of(view).keys, of(view).most = keys, most
        return view

    return mark


def answers(
    status: int = 200, *media: str, problems: tuple[str, ...] = (), location: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`media` where it is not JSON (any +json is made from the shape, else the view returns a Response); `location`:
    where a new thing is found, with fields of the answer in braces. What every route may refuse (who is asking, the
    body's form, a full queue) need not be among `problems`; see openapi.py."""
    unknown = set(problems) - set(TABLE)
    assert not unknown, f"no such problem: {unknown}"

    def mark(view: Callable[..., Any]) -> Callable[..., Any]:
        said = of(view)
        said.answered, said.problems, said.location = True, problems, location
        said.media = media or (JSON,)
        said.shape = said.shape or get_type_hints(view, include_extras=True)["return"]
        if said.shape is type(None):
            said.shape, said.media = None, ()
        said.status = 204 if said.shape is None and status == 200 else status
        return view

    return mark


def install(app: Flask) -> None:
    """Call after all routes are there. Raises RuntimeError for one of the API that does not say what it answers."""
    addresses = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules()}
    for endpoint, view in list(app.view_functions.items()):
        said: Description | None = getattr(view, "described", None)
        if said is not None and said.answered:
            app.view_functions[endpoint] = _served(view, said)
        elif addresses[endpoint].startswith(PREFIX):
            raise RuntimeError(f"route {endpoint} does not say what it answers: use @answers")


def _served(view: Callable[..., Any], said: Description) -> Callable[..., Response]:
    @wraps(view)
    def serve(**given: Any) -> Response:
        asked = body.query(said.query)
        if said.keys is not None:
            given["page"] = Page(asked.pop("cursor"), asked.pop("limit") or said.most)
        if said.asked:
            given["asked"] = asked
        if said.required is not None:
            given["fields"] = body.read(said.required, said.optional)
        if said.files is not None:
            _expect_files(said)
        if request.method in auth.SAFE:
            return conditions.if_changed(_answer(said, view(**given)))
        return conditions.once(lambda: _answer(said, view(**given)))

    return serve


def _expect_files(said: Description) -> None:
    """Raises Problem not_multipart."""
    request.max_content_length = said.largest
    request.max_form_parts = sum((said.files or {}).values())
    if request.mimetype != "multipart/form-data":
        raise Problem("not_multipart")


def _answer(said: Description, made: Any) -> Response:
    """A view that must say more than its shape holds (headers, bytes) returns a Response, which goes out as it is."""
    if isinstance(made, Response):
        return made
    if made is None:
        return Response(status=said.status)
    answer = jsonify(made)
    answer.status_code = said.status
    answer.mimetype = said.media[0]
    if said.location:
        answer.headers["Location"] = said.location.format_map(made)
    return answer


def _check(table: Table) -> None:
    for name, reader in table.items():
        if not isinstance(reader, body.Reader):
            raise TypeError(f"the reader of {name} has no schema: make it with @body.reads")
