"""Short names for what only one module, or one function, calls by name: a pass of tools/link.py.

MicroPython stores each name once for all modules, with 9 bytes beside its letters. So those that no other module can
mean may be the same everywhere:

- a private name (`_x`) that one module alone mentions;
- another that one module alone mentions and defines, and that is no attribute of anything of Python's. Not a class's,
  which tracebacks show;
- a function's arguments, where no call in the whole program passes that name as a keyword.

A name that is a whole string somewhere stays.
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
import os
import re
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping

from tools import link_reach

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
    for family in _families(linked):
        names = (f"_{word}" for word in _short() if f"_{word}" not in everywhere)
        for path in family:
            elsewhere = fixed.union(*(words for other, words in mentioned.items() if other != path))
            alone = mentioned[path] - elsewhere
            defined = _defined(linked[path]) - _FOREIGN - keywords - set(link_reach.aliases(linked[path]))
            own = sorted(
                word
                for word in alone
                if re.fullmatch(r"_[^_]\w*", word)
                or (word in defined and path not in whole and re.fullmatch(_PUBLIC, word))
            )
            _rename(linked[path], dict(zip(own, names, strict=False)))
    for tree in linked.values():
        _arguments(tree, keywords | strings | {"self"})


_PUBLIC = r"[a-z]\w+|[A-Z][A-Z0-9_]+"  # not of a class


def _defined(tree: ast.Module) -> set[str]:
    """Names that this module gives: at its top level, to its classes, to its objects."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, (ast.Module, ast.ClassDef)):
            for one in node.body:
                if isinstance(one, _FUNCTIONS):
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


def _arguments(tree: ast.AST, keep: set[str]) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)) and not is_native(node):
            taken = _words(node)
            free = (word for word in _short() if word not in taken)
            for arg in arguments(node.args):
                if arg.arg not in keep and len(arg.arg) > 1 and _is_plain(node, arg.arg):
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
