"""A syntax tree as text again, each statement on the line that it had: the last pass of tools/link.py.

What a statement spread over several lines is on its first one, so a traceback names the line where the statement began.
"""

import ast

_CLAUSES = ("body", "handlers", "orelse", "finalbody")


class _Page:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def put(self, line: int, depth: int, text: str) -> None:
        """On that line, or on the next free one."""
        self.lines += [""] * (line - 1 - len(self.lines))
        self.lines += [" " * depth + one for one in text.split("\n")]


def written(tree: ast.Module) -> str:
    page = _Page()
    _put(page, tree.body, 0)
    return "\n".join(page.lines) + "\n"


def _put(page: _Page, body: list, depth: int) -> None:
    for statement in body:
        clauses = [name for name in _CLAUSES if getattr(statement, name, None)]
        if not clauses:
            page.put(statement.lineno, depth, ast.unparse(statement))
            continue
        decorators = getattr(statement, "decorator_list", [])
        line = min([statement.lineno, *(one.lineno for one in decorators)])
        for name in clauses:
            inside = getattr(statement, name)
            if name == "handlers":
                _put(page, inside, depth)
                continue
            # `elif` is written as an `if` inside `else`, which compiles to the same
            heading = _heading(statement) if name == "body" else "else:" if name == "orelse" else "finally:"
            page.put(line if name == "body" else 0, depth, heading)
            _put(page, inside, depth + 1)


def _heading(statement: ast.stmt) -> str:
    """The lines before a statement's body."""
    bare = type(statement)(**{name: value for name, value in ast.iter_fields(statement)})
    for name in _CLAUSES:
        if hasattr(bare, name):
            setattr(bare, name, [])
    bare.body = [ast.Pass()]  # type: ignore[attr-defined]
    if isinstance(bare, ast.Try):
        return "try:"
    return ast.unparse(ast.fix_missing_locations(bare)).rsplit("\n", 1)[0]
