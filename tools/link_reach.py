"""What is mentioned by what is kept: a pass of tools/link.py, and what others there ask about names.

The unit is a statement of a module's top level, a single name of an import, and a method. A name leads to the unit that
binds it in its own module, `module.name` into that other module. A method is kept when anything kept mentions its name,
of whatever object: as an attribute, or as a whole string (getattr). A module that is handed around is kept whole.
"""

import ast
from collections.abc import Iterator, Mapping

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*_FUNCTIONS, ast.Lambda, ast.ClassDef, *_COMPREHENSIONS)
_BINDERS = (*_FUNCTIONS, ast.ClassDef, ast.Assign, ast.Import, ast.ImportFrom)  # kept only when needed


def path_of(module: str) -> str:
    return module.replace(".", "/") + ".py"


# ---- names and scopes


def aliases(tree: ast.AST) -> dict[str, list[tuple[str, str]]]:
    """{name: [(module, name in it or ""), ...]} of all imports, also those in functions or after `if`.

    `from a import b`: ("a", "b").
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                found.setdefault(one.asname or one.name.split(".")[0], []).append((one.name, ""))
        elif isinstance(node, ast.ImportFrom):
            for one in node.names:
                found.setdefault(one.asname or one.name, []).append((node.module or "", one.name))
    return found


def bindings(tree: ast.AST) -> list[str]:
    """Each binding of a name in any scope: one that is there once means the same wherever a scope sees it."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.append(node.id)
        elif isinstance(node, ast.arg):
            found.append(node.arg)
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, ast.alias):
            found.append(node.asname or node.name)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.append(node.name)
    return found


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below a node but what lies in scopes inside it; of those, the node that makes them."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _SCOPES):
            yield from own_nodes(child)


def locals_of(scope: ast.AST) -> set[str]:
    """Names that a function, lambda or comprehension binds for itself."""
    found: set[str] = set()
    outer: set[str] = set()
    for node in own_nodes(scope):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            outer.update(node.names)
    return found - outer


def free_names(tree: ast.AST) -> list[ast.Name]:
    """The names that mean something of the module's top level (or a builtin). A class hides none from its body."""
    found: list[ast.Name] = []

    def visit(node: ast.AST, hidden: frozenset[str]) -> None:
        if isinstance(node, ast.Name) and node.id not in hidden:
            found.append(node)
        inside = hidden
        if isinstance(node, _SCOPES) and not isinstance(node, ast.ClassDef):
            inside = hidden | locals_of(node)
        for child in ast.iter_child_nodes(node):
            visit(child, hidden if _is_outer(node, child) else inside)

    visit(tree, frozenset())
    return found


def _is_outer(node: ast.AST, child: ast.AST) -> bool:
    """Whether a child is evaluated where the scope is made, as decorators are. (Defaults: see below.)"""
    if isinstance(node, _FUNCTIONS):
        return child in node.decorator_list or child is node.returns
    return False


# ---- reach


class _Module:
    """The units of one module, and what is kept of it."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path, self.tree = path, tree
        self.aliases = aliases(tree)
        self.free = {id(node) for node in free_names(tree)}
        self.inner = {name for node in ast.walk(tree) for name in _imports_inside(node)}
        self.binders: dict[str, list[ast.AST]] = {}
        for statement in tree.body:
            if isinstance(statement, _BINDERS):
                for unit, name in _units(statement):
                    self.binders.setdefault(name, []).append(unit)
        self.kept: set[int] = set()
        self.loaded = False


def _imports_inside(node: ast.AST) -> set[str]:
    return set(aliases(node)) if isinstance(node, _FUNCTIONS) else set()


def _units(statement: ast.stmt) -> list[tuple[ast.AST, str]]:
    """(unit, name that it binds); an assignment to anything but names has the name "", which is always wanted."""
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        return [(statement, statement.name)]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [(one, one.asname or one.name.split(".")[0]) for one in statement.names]
    names = []
    for target in statement.targets:  # type: ignore[attr-defined]
        for part in target.elts if isinstance(target, ast.Tuple) else [target]:
            names.append(part.id if isinstance(part, ast.Name) else "")
    return [(statement, name) for name in names]


class _Reach:
    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self.modules = {path: _Module(path, tree) for path, tree in trees.items()}
        self.attributes: set[str] = set()  # mentioned of any object
        self.wholes: set[str] = set()  # paths
        self.methods: dict[
            str, list[tuple[_Module, ast.AST]]
        ] = {}  # not mentioned yet, of classes that are kept

    def load(self, name: str) -> bool:
        """A module by its dotted name: what it does when it is imported is kept."""
        module = self.modules.get(path_of(name))
        if module and not module.loaded:
            module.loaded = True
            for statement in module.tree.body:
                if not isinstance(statement, _BINDERS):
                    self.keep(module, statement)
            self.want(module, "")
        return module is not None

    def whole(self, module: _Module) -> None:
        self.wholes.add(module.path)
        self.load(module.path[:-3].replace("/", "."))
        for name in list(module.binders):
            self.want(module, name)

    def want(self, module: _Module, name: str) -> None:
        for unit in module.binders.get(name, ()):
            self.keep(module, unit)

    def keep(self, module: _Module, unit: ast.AST) -> None:
        if id(unit) in module.kept:
            return
        module.kept.add(id(unit))
        if isinstance(unit, ast.alias):
            for origin in module.aliases[unit.asname or unit.name.split(".")[0]]:
                self.follow(*origin)
        elif isinstance(unit, ast.ClassDef):
            for part in (*unit.decorator_list, *unit.bases, *unit.keywords):
                self.mention(module, part)
            for part in unit.body:
                if isinstance(part, _FUNCTIONS) and not part.name.startswith("__"):
                    self.methods.setdefault(part.name, []).append((module, part))
                    if part.name in self.attributes:
                        self.attribute(part.name)
                else:
                    self.mention(module, part)
        else:
            self.mention(module, unit)

    def follow(self, module: str, name: str, attribute: str = "") -> None:
        """What `import module`, `from module import name`, or an attribute of either leads to."""
        self.load(module)
        if name and self.load(f"{module}.{name}"):
            module, name = f"{module}.{name}", attribute
        else:
            name = name or attribute
        if name and path_of(module) in self.modules:
            self.want(self.modules[path_of(module)], name)

    def mention(self, module: _Module, unit: ast.AST) -> None:
        through = set()  # names that stand before a dot
        for node in ast.walk(unit):
            if isinstance(node, ast.Attribute):
                self.attribute(node.attr)
                if isinstance(node.value, ast.Name):
                    through.add(id(node.value))
                    self.name(module, node.value, node.attr)
            elif isinstance(node, ast.Name) and id(node) not in through:
                self.name(module, node, "")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.attribute(node.value)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):  # in a function, or after `try`
                for origin in (one for found in aliases(node).values() for one in found):
                    self.follow(*origin)
            elif isinstance(node, ast.Global):
                for name in node.names:
                    self.want(module, name)

    def name(self, module: _Module, node: ast.Name, attribute: str) -> None:
        if id(node) not in module.free and node.id not in module.inner:
            return
        self.want(module, node.id)
        for origin, name in module.aliases.get(node.id, ()):
            self.follow(origin, name, attribute)
            handed = path_of(f"{origin}.{name}" if name else origin)
            dotted = not name and node.id != origin  # `import a.b`, and then a.b.c
            if handed in self.modules and (dotted or not attribute):
                self.whole(self.modules[handed])

    def attribute(self, name: str) -> None:
        self.attributes.add(name)
        for module, method in self.methods.pop(name, ()):
            module.kept.add(id(method))
            self.mention(module, method)


def keep(trees: Mapping[str, ast.Module], whole: set[str]) -> tuple[dict[str, ast.Module], set[str]]:
    """The modules that are needed, with what of them is; paths of those whose every name may be asked for: of `whole`,
    which are as they were, and of what is handed around."""
    reach = _Reach(trees)
    for path in whole:
        reach.whole(reach.modules[path])
        reach.mention(reach.modules[path], trees[path])
    kept = {
        path: module.tree if path in whole else _pruned(module)
        for path, module in reach.modules.items()
        if module.loaded
    }
    return kept, reach.wholes


def _pruned(module: _Module) -> ast.Module:
    body = []
    for statement in module.tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            statement.names = [one for one in statement.names if id(one) in module.kept]
            if statement.names:
                body.append(statement)
        elif id(statement) in module.kept:
            if isinstance(statement, ast.ClassDef):
                statement.body = [part for part in statement.body if _stays(part, module)] or [
                    ast.Pass(lineno=statement.lineno)
                ]
            body.append(statement)
    module.tree.body = body
    return module.tree


def _stays(part: ast.stmt, module: _Module) -> bool:
    if isinstance(part, _FUNCTIONS):
        return part.name.startswith("__") or id(part) in module.kept
    return True
