"""What a lock needs of its modules, and nothing else: sources in, sources out. A lock keeps its code in RAM.

| pass      | what it does                                                                                          |
|-----------|-------------------------------------------------------------------------------------------------------|
| fold      | takes MicroPython's side of `try: import`; puts integers in place of their names (link_fold.py)       |
| reach     | keeps, from the roots on, what is mentioned by what is kept (link_reach.py)                           |
| names     | gives private names and arguments the same few short names in all modules (link_names.py)             |
| text      | writes the tree out again, each statement on the line that it had (link_text.py)                      |

Docstrings, annotations outside viper functions and unread `__slots__` go too: MicroPython makes nothing of them. Of
modules that are `quiet`, what a raised error would say as well: who reads it is told the line.

What a module must not do to be linked: call a method by a name that it builds at run time, or be called by MicroPython
itself by a name that is neither mentioned nor has two underscores. Names in whole strings count as mentioned.
"""

import ast
from collections.abc import Iterable, Mapping

from tools import link_fold, link_names, link_reach, link_text


def link(
    sources: Mapping[str, str], roots: Iterable[str], outside: Iterable[str] = (), quiet: str = "/"
) -> dict[str, str]:
    """{path: source} of what the roots need. Of `sources`, paths are relative to the folder that imports start from.

    roots: paths that are kept whole. outside: paths that are kept whole by others (frozen, or scripts), and so are not
    in the result, but need what they mention under its name. quiet: how the paths begin whose errors say nothing.
    """
    trees = {path: ast.parse(text) for path, text in sources.items()}
    whole, outside = {*roots, *outside}, set(outside)
    linked = {path: tree for path, tree in trees.items() if path not in outside}
    slotted = _slots_read(trees)
    for path, tree in linked.items():
        _strip(tree, path in slotted)
        if path.startswith(quiet):
            _hush(tree)
    link_fold.fold(linked, {path: trees[path] for path in outside})
    kept, whole = link_reach.keep(trees, whole)
    linked = {path: kept[path] for path in linked if path in kept}
    link_names.shorten(linked, {path: kept[path] for path in outside if path in kept}, whole)
    return {
        path: link_text.written(tree)
        for path, tree in linked.items()
        if tree.body or not path.endswith("__init__.py")  # a folder without one is a package as well
    }


# ---- what MicroPython makes nothing of


def _strip(tree: ast.Module, slotted: bool) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [
                one for one in node.body if not _says_nothing(one) and (slotted or not _is_slots(one))
            ]
            if not node.body and not isinstance(node, ast.Module):
                node.body = [ast.Pass(lineno=node.lineno)]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not link_names.is_native(node):
            node.returns = None
            for arg in link_names.arguments(node.args):
                arg.annotation = None
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                setattr(node, field, [_plain(one) for one in body])


def _hush(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for arg in node.exc.args:
                if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                    arg.value = ""


def _says_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_slots(statement: ast.stmt) -> bool:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return isinstance(target, ast.Name) and target.id == "__slots__"


def _slots_read(trees: Mapping[str, ast.Module]) -> set[str]:
    """The modules whose classes' `__slots__` something reads: that module, as a rule."""
    found = set()
    for path, tree in trees.items():
        classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "__slots__":
                if isinstance(node.value, ast.Name) and node.value.id in {"self", *classes}:
                    found.add(path)
                else:
                    return set(trees)
    return found


def _plain(statement: ast.stmt) -> ast.stmt:
    """`name: type = value` without its type."""
    if not isinstance(statement, ast.AnnAssign) or statement.value is None:
        return statement
    return ast.copy_location(ast.Assign([statement.target], statement.value), statement)
