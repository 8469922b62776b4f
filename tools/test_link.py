"""The linker: what it leaves out is not missed, what it renames means the same, and lines stay where they were."""

import ast
import builtins
import sys
import types

import pytest

from tools import link, link_reach, link_text, rv32

ROOT = "firmware/lock.py"
KNOWN = {
    *dir(builtins),
    "micropython",
    "ptr",
    "ptr8",
    "ptr16",
    "ptr32",
    "uint",
}  # the latter ones to viper code
OWN = sorted(
    path.relative_to(rv32.ROOT).as_posix()
    for folder in rv32.LOCK
    for path in (rv32.ROOT / folder).glob("*.py")
    if not path.name.startswith("test_")
)


@pytest.fixture(scope="module")
def lock():
    """(sources of a lock, linked)."""
    sources = rv32.sources_for(ROOT)
    return sources, rv32.linked_of(sources, [ROOT])


@pytest.fixture(scope="module")
def named(lock):
    """The same, linked with every name left as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link.link_names, "shorten", lambda *given: None)
        return lock[0], rv32.linked_of(lock[0], [ROOT])


def linked(**modules):
    """{module: text} of a program whose root is `main`."""
    found = link.link({f"{name}.py": text for name, text in modules.items()}, ["main.py"])
    return {path.removesuffix(".py"): text for path, text in found.items()}


def told(monkeypatch, modules):
    """What `main` of these modules leaves in its list `told`."""
    for name in ("main", "other", "third"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def load(name):
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(modules[name], name, "exec"), module.__dict__)

    for name in sorted(modules, reverse=True):  # third, other, main
        load(name)
    return sys.modules["main"].told


CONST = "def const(value):\n    return value\n"

PROGRAMS = {
    "scopes": {
        "main": """
from other import Base, once, outer, SIZE, twice
import other
told = []
class Derived(Base):
    def __init__(self, value, second=3):
        super().__init__(value)
        self._again = second
        self._second = second
    def both(self, first=SIZE):
        return self._first_of_base(), self._again, self._second, first
told.append(Derived(5).both())
told.append(outer(2)(3))
told.append(twice(number=4))
told.append(other.BIG)
told.append(getattr(other.Base, "by_" + "name", None) is None)
told.append(getattr(Derived(1), "by_string")())
told.append(once(**{"only": 6}))
""",
        "other": CONST
        + """
SIZE = const(4)
_HIDDEN = const(7)
BIG = const(_HIDDEN * 6 - 1)
_state = 1
class Base:
    def __init__(self, value):
        self._first = value
    def _first_of_base(self):
        return self._first
    def by_string(self):
        return [value for value in (self._first, SIZE)]
    def never(self):
        return never_called()
def outer(value, SIZE=SIZE):
    def inner(other, value_too=value):
        nonlocal value
        value += other
        return value, value_too, SIZE, [value for value in range(2)], (lambda value: value + _HIDDEN)(1)
    return inner
def twice(number):
    global _state
    _state += number
    return _state * 2
def once(only):
    return only
def never_called():
    return "never"
""",
    },
    "shadows": {
        "main": """
import other as _other
from other import LEVEL
told = []
def local(LEVEL):
    return LEVEL
def assigned():
    LEVEL = 9
    return LEVEL
def loop(items):
    return [LEVEL for LEVEL in items], LEVEL
def module(_other):
    return _other.LEVEL
class Has:
    LEVEL = 5
told += [local(1), assigned(), loop([2, 3]), module(Has), Has.LEVEL, Has().LEVEL, LEVEL, _other.LEVEL]
try:
    told.append(_other.fails("wrong"))
except ValueError as error:
    told.append(error.args)
""",
        "other": CONST
        + """
LEVEL = const(8)
def fails(text):
    try:
        raise ValueError(text)
    except ValueError as text:
        raise text
    finally:
        text = None
""",
    },
    "what is set stays, what is not is folded": {
        "main": """
import other
from other import FIRST, LAST, made
told = [FIRST, LAST, other.PLAIN, other.changed, made()]
other.changed = 5
told += [other.changed, made(), other.ONCE]
""",
        "other": """
FIRST, LAST = range(3, 5)
PLAIN = LAST * 2
YES = True
changed = 4
counted = 0
ONCE = []
def made():
    global counted
    counted += 1
    if YES:
        return counted, changed
    else:
        return third.nothing
    return PLAIN
""",
    },
    "a module handed around": {
        "main": "import other\ntold = []\ndef call(what, name):\n    return getattr(what, name)()\n"
        "told.append(call(other, 'by' + '_name'))\n",
        "other": "from third import helper\ndef by_name():\n    return helper()\n",
        "third": "def helper():\n    return _really()\ndef _really():\n    return 'yes'\n",
    },
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_linked_program_does_what_it_did(monkeypatch, name):
    before = told(monkeypatch, PROGRAMS[name])
    assert before and told(monkeypatch, linked(**PROGRAMS[name])) == before


def test_what_nobody_reaches_goes():
    found = linked(**PROGRAMS["scopes"])
    assert "never" not in found["other"] and "BIG" not in found["other"] and "_HIDDEN" not in found["other"]
    assert "told.append(41)" in found["main"]


def test_a_module_that_only_gave_constants_is_not_loaded():
    found = linked(main="import other\ntold = [other.LEVEL]\n", other=CONST + "LEVEL = const(8)\n")
    assert "other" in found  # a root keeps its imports
    found = linked(
        main="import other\ntold = other.told()\n",
        other="import third\ndef told():\n    return third.LEVEL\n",
        third=CONST + "LEVEL = const(8)\n",
    )
    assert set(found) == {"main", "other"}


def test_the_side_of_the_lock_is_taken():
    """Of modules that know both interpreters, as compat.py and ed25519.py do."""
    found = linked(
        main="import other\ntold = [other.cipher()]\n",
        other="""
try:
    from cryptolib import aes
except ImportError:
    import third
    FAST = False
    def cipher():
        return third.slow()
else:
    FAST = True
    if FAST:
        def cipher():
            return aes
    else:
        from third import slow as cipher
""",
        third="def slow():\n    return 1\n",
    )
    assert (
        set(found) == {"main", "other"} and "third" not in found["other"] and "return aes" in found["other"]
    )


def test_errors_of_quiet_modules_say_nothing():
    text = "def refuse(kind):\n    raise ValueError('why', kind)\n"
    source = {"main.py": "from loud import refuse\nimport quiet.it\nquiet.it.refuse(1)\n", "loud.py": text}
    found = link.link({**source, "quiet/it.py": text}, ["main.py"], quiet="quiet/")
    assert "'why'" in found["loud.py"] and "raise ValueError('', " in found["quiet/it.py"]


def test_names_that_others_mean_stay():
    found = linked(
        main="import other\ntold = [other.one(_given=1)]\nother._shared = 2\n",
        other="_shared = _alone = 1\n_named = '_named'\ndef one(_given):\n    return _given, _shared, _alone, _named\n",
    )
    words = {node.id for node in ast.walk(ast.parse(found["other"])) if isinstance(node, ast.Name)}
    assert {"_given", "_shared", "_named"} <= words and "_alone" not in words


def test_nothing_that_is_kept_misses_a_name(lock):
    sources, found = lock
    bound = {path: top_level(ast.parse(text)) for path, text in found.items()}
    for path, text in found.items():
        tree = ast.parse(text)
        aliases = link_reach.aliases(tree)
        for name in link_reach.free_names(tree):
            assert name.id in bound[path] or name.id in KNOWN or name.id in aliases, (path, name.id)
        for origins in aliases.values():
            for module, name in origins:
                if (
                    link_reach.path_of(f"{module}.{name}") not in found
                    and link_reach.path_of(module) in sources
                ):
                    assert name in bound[link_reach.path_of(module)], (path, module, name)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                for module, name in aliases.get(node.value.id, ()):
                    other = link_reach.path_of(f"{module}.{name}" if name else module)
                    assert other not in found or node.attr in bound[other], (path, other, node.attr)


def test_no_method_is_missed_by_name(named):
    """One that any class had, and that anything kept calls, is still there in each class that is."""
    sources, found = named
    called = {
        node.attr
        for text in found.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
    }
    for path, text in found.items():
        before, now = methods(ast.parse(sources[path])), methods(ast.parse(text))
        for name, kept in now.items():
            assert before[name] & called <= kept, (path, name)


def top_level(tree):
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names.union(link_reach.bindings(tree))


def methods(tree):
    return {
        node.name: {one.name for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }


def test_functions_stay_on_their_lines(named):
    sources, found = named
    public = {
        (path, node.name): node.lineno
        for path, text in found.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    }
    lines = {
        (path, node.lineno, node.name)
        for path, text in sources.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    assert len(public) > 200
    assert not [where for where, line in public.items() if (where[0], line, where[1]) not in lines]


@pytest.mark.parametrize("path", OWN)
def test_written_again_a_module_is_the_same_module(path):
    """To CPython's parser; that its lines are in place, the test above says."""
    tree = ast.parse((rv32.ROOT / path).read_text())
    assert ast.dump(ast.parse(link_text.written(tree))) == ast.dump(tree)


def test_a_lock_is_much_smaller(lock):
    sources, found = lock
    before = sum(len(rv32.compile_text(path, text)) for path, text in sources.items() if path in OWN)
    after = sum(len(rv32.compile_text(path, text)) for path, text in found.items())
    assert after < before * 0.92, (before, after)
