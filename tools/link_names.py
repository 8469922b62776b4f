"""Other names for what only the lock's modules call by name: a pass of tools/link.py.

MicroPython stores each name once for all modules, with 9 bytes beside its letters; but those of its own image
(link_common.py) cost nothing, and come first. So:

- a private name (`_x`) that one module alone mentions, and another that one module alone mentions and defines, may be
  the same in all modules;
- one that several modules mention, and one of them defines, gets a name for itself;
- so do a function's arguments, in each function anew, where no call in the whole program passes that name as a keyword.

A name that is a whole string somewhere stays, or that anything of Python's has, or that a module of others mentions;
and those of errors, which tracebacks show.
"""

import ast
import asyncio
import binascii
import builtins
import gc
import hashlib
import io
import itertools
import json
import keyword
import os
import re
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Mapping

from tools import link_common, link_reach

_FOREIGN = {
    name
    for what in (
        *(asyncio, asyncio.Event, asyncio.Lock, asyncio.StreamReader, asyncio.StreamWriter, asyncio.Task),
        *(
            asyncio.AbstractEventLoop,
            binascii,
            builtins,
            gc,
            hashlib,
            hashlib.sha256(),
            io,
            io.BytesIO,
            json,
            os,
        ),
        *(os.stat_result, select, socket, socket.socket, struct, sys, time, (lambda: (yield))()),
        *(
            bool,
            bytearray,
            bytes,
            dict,
            float,
            int,
            io.TextIOWrapper,
            list,
            memoryview,
            object,
            set,
            str,
            tuple,
        ),
        *(
            value
            for value in vars(builtins).values()
            if isinstance(value, type) and issubclass(value, OSError)
        ),
    )
    for name in dir(what)
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def arguments(args: ast.arguments) -> list[ast.arg]:
    starred = [one for one in (args.vararg, args.kwarg) if one]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *starred]


def is_native(node: ast.AST) -> bool:
    """Whether a function is compiled to machine code."""
    return any("micropython" in ast.unparse(one) for one in getattr(node, "decorator_list", ()))


def shorten(linked: Mapping[str, ast.Module], outside: Mapping[str, ast.Module], whole: set[str]) -> None:
    """Renames in place. `outside`: modules that stay as they are, and whose names and keywords are everyone's. What
    the modules of `whole` define, unless it is private, is everyone's too."""
    trees = (*linked.values(), *outside.values())
    strings = set().union(*(_strings(tree) for tree in trees))  # of getattr; of a dict that is passed with **
    fixed = strings.union(*(_words(tree) for tree in outside.values()))
    keywords = {
        node.arg for tree in trees for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg
    }
    mentioned = {path: _words(tree) for path, tree in linked.items()}
    everywhere = fixed.union(*mentioned.values())
    series = [word for word in _words_to_give() if word not in everywhere]
    foreign = _FOREIGN.union(keywords, fixed, *(_foreign(tree, linked) for tree in linked.values()))
    most = 0
    for family in _families(linked):
        names = iter(series)
        for path in family:
            elsewhere = fixed.union(*(words for other, words in mentioned.items() if other != path))
            alone = mentioned[path] - elsewhere
            defined = _defined(linked[path]) - foreign - set(link_reach.aliases(linked[path]))
            own = sorted(
                word
                for word in alone
                if re.fullmatch(r"_[^_]\w*", word)
                or (word in defined and path not in whole and re.fullmatch(_PUBLIC, word))
            )
            _rename(linked[path], dict(zip(own, names, strict=False)))
        most = max(most, len(series) - len(list(names)))
    _shared(linked, foreign, whole, series[most:])
    for tree in linked.values():
        _arguments(tree, keywords | strings | {"self"}, series)


def _shared(linked: Mapping[str, ast.Module], foreign: set[str], whole: set[str], series: list[str]) -> None:
    """Names that several modules mention: each the same in all of them."""
    defined = set().union(*(_defined(tree) for path, tree in linked.items() if path not in whole))
    stays = foreign.union(*(_defined(tree) for path, tree in linked.items() if path in whole))
    own = [word for word in defined - stays if re.fullmatch(_SHARED, word) and word not in series]
    own.sort(key=lambda word: (-len(word), word))
    names = dict(zip(own, series, strict=False))
    for tree in linked.values():
        _rename(tree, names)


def _foreign(tree: ast.Module, linked: Mapping[str, ast.Module]) -> set[str]:
    """What this module means of the interpreter and of modules that are not linked; and the names of those that are."""
    found = {part for path in linked for part in path.removesuffix(".py").split("/")} | {"encrypt", "decrypt"}
    found |= {node.id for node in link_reach.free_names(tree)}.difference(link_reach.bindings(tree))
    others = set()
    for name, origins in link_reach.aliases(tree).items():
        for module, _ in origins:
            if link_reach.path_of(module) not in linked and not _is_package(module, linked):
                found |= {name, *(inside for _, inside in origins)}
                others.add(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in others:
            found.add(node.attr)
    return found


def _is_package(module: str, linked: Mapping[str, ast.Module]) -> bool:
    return any(path.startswith(module.replace(".", "/") + "/") for path in linked)


_PUBLIC = r"[A-Za-z]\w+"
_SHARED = _PUBLIC + r"|_[^_]\w*"


def _defined(tree: ast.Module) -> set[str]:
    """Names that this module gives: at its top level, to its classes, to its objects."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, (ast.Module, ast.ClassDef)):
            for one in node.body:
                if isinstance(one, _FUNCTIONS) or isinstance(one, ast.ClassDef) and not one.bases:
                    found.add(one.name)
                elif isinstance(one, ast.Assign):
                    found |= {target.id for target in one.targets if isinstance(target, ast.Name)}
    return found


def _families(linked: Mapping[str, ast.Module]) -> list[list[str]]:
    """The modules, those together whose classes inherit from one another: objects of theirs have both's attributes."""
    family = {path: [path] for path in linked}
    for path, tree in linked.items():
        origins = link_reach.aliases(tree)
        for base in (one for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for one in node.bases):
            for module, name in origins.get(ast.unparse(base).split(".")[0], ()):
                for other in (link_reach.path_of(module), link_reach.path_of(f"{module}.{name}")):
                    if other in family and family[other] is not family[path]:
                        family[path] += family[other]
                        family.update(dict.fromkeys(family[other], family[path]))
    return list({id(one): one for one in family.values()}.values())


def _words_to_give() -> Iterator[str]:
    """Those of the image, the shortest others after them."""
    yield from link_common.COMMON
    yield from itertools.islice((word for word in _short() if not keyword.iskeyword(word)), 2_000)


def _short() -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    for size in itertools.count(1):
        for word in itertools.product(letters, repeat=size):
            yield "".join(word)


def _words(tree: ast.AST) -> set[str]:
    """Every identifier, and every whole string."""
    found = set()
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str):
                    found.add(one)
    return found


def _strings(tree: ast.AST) -> set[str]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _rename(tree: ast.AST, names: Mapping[str, str]) -> None:
    """Every identifier of these, in whatever role; strings stay."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            continue
        for field, value in ast.iter_fields(node):
            if isinstance(value, str):
                setattr(node, field, names.get(value, value))
            elif isinstance(value, list) and value and isinstance(value[0], str):  # global, nonlocal
                setattr(node, field, [names.get(one, one) for one in value])


def _arguments(tree: ast.AST, keep: set[str], series: Iterable[str]) -> None:
    top = _defined(tree)  # a const() means its number everywhere in a module
    for node in ast.walk(tree):
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)) and not is_native(node):
            taken = _words(node) | top
            free = (word for word in series if word not in taken)
            for arg in arguments(node.args):
                if arg.arg not in keep and arg.arg not in link_common.COMMON and _is_plain(node, arg.arg):
                    _rename_names(node, arg.arg, next(free))


def _is_plain(function: ast.AST, name: str) -> bool:
    """Whether inside it is a name and nothing else: what only `_rename` finds means something to others as well."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            return False
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.ExceptHandler)) and node.name == name:
            return False
        if isinstance(node, ast.alias) and (node.asname or node.name) == name:
            return False
    return True


def _rename_names(function: ast.AST, old: str, new: str) -> None:
    """The argument and what means it. Defaults and decorators mean a name outside, which stays."""
    outer = set()
    args = function.args  # type: ignore[attr-defined]
    for part in (*args.defaults, *args.kw_defaults, *getattr(function, "decorator_list", ())):
        outer |= {id(node) for node in ast.walk(part)} if part else set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == old and id(node) not in outer:
            node.id = new
        elif isinstance(node, ast.arg) and node.arg == old:
            node.arg = new
