"""Values in place of names, and of two branches the one that is taken: a pass of tools/link.py.

An integer that a module names once at its top level, and that nothing ever sets, is written wherever a scope sees that
name, in other modules too. The definition then goes the way of everything unreachable.
"""

import ast
from collections.abc import Iterator, Mapping

from tools import link_names, link_reach

_THERE = {"cryptolib"}  # a lock's interpreter has these, and CPython has not


def fold(linked: Mapping[str, ast.Module], outside: Mapping[str, ast.Module]) -> None:
    """In place. Not in viper functions, where a literal has another type than a global."""
    for tree in linked.values():
        tree.body = [one for statement in tree.body for one in _taken(statement)]
    values = _values(linked, {name for tree in (*linked.values(), *outside.values()) for name in _set(tree)})
    for path, tree in linked.items():
        _Fold(_seen(path, tree, values), values).fold(tree)


def _taken(statement: ast.stmt) -> list[ast.stmt]:
    """What runs of `try: from cryptolib import ... except ImportError: ... else: ...` on a lock."""
    if isinstance(statement, ast.Try):
        names = {one.module for one in statement.body if isinstance(one, ast.ImportFrom)}
        if len(names) == len(statement.body) and names <= _THERE:
            return [*statement.body, *statement.orelse, *statement.finalbody]
    return [statement]


def _set(tree: ast.Module) -> Iterator[str]:
    """Names that this module may set in another one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield node.attr


def _values(trees: Mapping[str, ast.Module], never: set[str]) -> dict[tuple[str, str], int]:
    values: dict[tuple[str, str], int] = {}
    bound = {path: link_reach.bindings(tree) for path, tree in trees.items()}
    waiting = [
        (path, name, value)
        for path, tree in trees.items()
        for one in tree.body
        for name, value in _assigned(one)
        if name not in never and bound[path].count(name) == 1
    ]
    before = -1
    while len(values) > before:  # one may be made of another
        before = len(values)
        seen = {path: _seen(path, tree, values) for path, tree in trees.items()}
        for path, name, value in waiting:
            found = _value(value, seen[path])
            if found is not None:
                values[path, name] = found
    return values


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """(name, expression) of `name = expression`, `name = const(expression)` or `name, name = range(expression)`."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return
    target, value = statement.targets[0], statement.value
    called = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
    if isinstance(target, ast.Name):
        yield target.id, value.args[0] if called == "const" else value  # type: ignore[attr-defined]
    elif isinstance(target, ast.Tuple) and called == "range" and len(value.args) < 3:  # type: ignore[attr-defined]
        start = value.args[0] if len(value.args) == 2 else ast.Constant(0)  # type: ignore[attr-defined]
        for place, one in enumerate(target.elts):
            if isinstance(one, ast.Name):
                yield one.id, ast.BinOp(start, ast.Add(), ast.Constant(place))


def _seen(path: str, tree: ast.Module, values: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """The values that this module can name, by the name that they have there."""
    names = {name: value for (at, name), value in values.items() if at == path}
    bound = link_reach.bindings(tree)
    for alias, origins in link_reach.aliases(tree).items():
        module, name = origins[0]
        if name and (link_reach.path_of(module), name) in values and bound.count(alias) == 1:
            names[alias] = values[link_reach.path_of(module), name]
    return names


def _value(node: ast.expr, known: Mapping[str, int]) -> int | None:
    if any(isinstance(one, ast.Call) for one in ast.walk(node)):
        return None
    try:
        code = compile(ast.fix_missing_locations(ast.Expression(node)), "const", "eval")
        found = eval(code, {"__builtins__": {}}, dict(known))  # an expression of our own source
    except (NameError, TypeError, AttributeError, LookupError):
        return None
    return found if type(found) in (int, bool) else None


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

    def visit_If(self, node):
        node = self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return (node.body if node.test.value else node.orelse) or ast.copy_location(ast.Pass(), node)
        return node
