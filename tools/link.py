"""What a lock needs of its modules, and nothing else: sources in, sources out. A lock keeps its code in RAM.

| pass      | what it does                                                                                          |
|-----------|-------------------------------------------------------------------------------------------------------|
| constants | writes the value of each `const(...)` in place of its name, also where another module uses it         |
| reach     | keeps, from the roots on, what is mentioned by what is kept (link_reach.py)                           |
| names     | gives private names and arguments the same few short names in all modules (link_names.py)             |
| text      | writes the tree out again, each statement on the line that it had (link_text.py)                      |

Docstrings, annotations outside viper functions and unread `__slots__` go too: MicroPython makes nothing of them.

What a module must not do to be linked: call a method by a name that it builds at run time, or be called by MicroPython
itself by a name that is neither mentioned nor has two underscores. Names in whole strings count as mentioned.
"""

import ast
from collections.abc import Iterable, Mapping

from tools import link_names, link_reach, link_text


def link(sources: Mapping[str, str], roots: Iterable[str], outside: Iterable[str] = ()) -> dict[str, str]:
    """{path: source} of what the roots need. Of `sources`, paths are relative to the folder that imports start from.

    roots: paths that are kept whole. outside: paths that are kept whole by others (frozen, or scripts), and so are not
    in the result, but need what they mention under its name.
    """
    trees = {path: ast.parse(text) for path, text in sources.items()}
    whole, outside = {*roots, *outside}, set(outside)
    linked = {path: tree for path, tree in trees.items() if path not in outside}
    slotted = _slots_read(trees)
    for path, tree in linked.items():
        _strip(tree, path in slotted)
    _constants(linked)
    kept = link_reach.keep(trees, whole)
    linked = {path: kept[path] for path in linked if path in kept}
    link_names.shorten(linked, {path: kept[path] for path in outside if path in kept})
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


# ---- constants


def _constants(trees: Mapping[str, ast.Module]) -> None:
    """Replaces them where a scope sees them under their own name or through their module; unused definitions then go
    the way of everything unreachable. Not in viper functions, where a literal has another type than a global."""
    values: dict[tuple[str, str], int] = {}
    definitions = [
        (path, one)
        for path, tree in trees.items()
        for one in tree.body
        if isinstance(one, ast.Assign) and _is_const(one.value) and isinstance(one.targets[0], ast.Name)
    ]
    bound = {path: link_reach.bindings(tree) for path, tree in trees.items()}
    before = -1
    while len(values) > before:  # one may be made of another
        before = len(values)
        for path, one in definitions:
            name = one.targets[0].id
            if bound[path].count(name) == 1:
                value = _value(one.value.args[0], _seen(path, trees[path], values))
                if value is not None:
                    values[path, name] = value
    for path, tree in trees.items():
        _Fold(_seen(path, tree, values), values).fold(tree)


def _is_const(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const"


def _seen(path: str, tree: ast.Module, values: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """The constants that this module can name, by the name that they have there."""
    names = {name: value for (at, name), value in values.items() if at == path}
    bound = link_reach.bindings(tree)
    for alias, origins in link_reach.aliases(tree).items():
        module, name = origins[0]
        if name and (link_reach.path_of(module), name) in values and bound.count(alias) == 1:
            names[alias] = values[link_reach.path_of(module), name]
    return names


def _value(node: ast.expr, known: Mapping[str, int]) -> int | None:
    try:
        code = compile(ast.fix_missing_locations(ast.Expression(node)), "const", "eval")
        found = eval(code, {"__builtins__": {}}, dict(known))  # an expression of our own source
    except (NameError, TypeError, AttributeError):
        return None
    return found if type(found) is int else None


class _Fold(ast.NodeTransformer):
    def __init__(self, names, values):
        self.names, self.values = names, values

    def fold(self, tree):
        free = link_reach.free_names(tree)
        self.free = {id(node) for node in free}
        stored = {node.id for node in free if not isinstance(node.ctx, ast.Load)}
        self.modules = {
            alias: f"{module}.{name}" if name else module
            for alias, [(module, name), *others] in link_reach.aliases(tree).items()
            if not others and alias not in stored
        }
        self.visit(tree)

    def visit_FunctionDef(self, node):
        return node if link_names.is_native(node) else self.generic_visit(node)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node.id in self.names and id(node) in self.free:
            return ast.copy_location(ast.Constant(self.names[node.id]), node)
        return node

    def visit_Attribute(self, node):
        if (
            isinstance(node.value, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and id(node.value) in self.free
        ):
            found = self.values.get((link_reach.path_of(self.modules.get(node.value.id, "")), node.attr))
            if found is not None:
                return ast.copy_location(ast.Constant(found), node)
        return self.generic_visit(node)
