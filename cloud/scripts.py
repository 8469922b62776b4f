"""Scripts of ours as browsers get them: without comments and spaces, two thirds of the bytes, the same program.

The files stay as people wrote them, and are read at each request: who edits one reloads the page, and nothing is built.
What others wrote, in static/vendor/, goes out as it lies there, its licence with it.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import rjsmin
from flask import Flask, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

OTHERS = "vendor/"


class Site(Flask):
    """Flask, but for what it gives out of static/."""

    def send_static_file(self, filename: str) -> Response:
        """Raises NotFound. The ETag is of what is sent: the file's own would outlive another way of making it small."""
        if not ours(filename):
            return super().send_static_file(filename)
        path = safe_join(self.static_folder or "", filename)
        if path is None or not Path(path).is_file():
            raise NotFound
        answer = Response(sent(Path(path).read_bytes()), mimetype="text/javascript")
        answer.cache_control.no_cache = True
        answer.set_etag(hashlib.sha256(answer.data).hexdigest())
        answer.make_conditional(request)
        return answer


def ours(name: str) -> bool:
    """`name` is below static/."""
    return name.endswith(".js") and not name.startswith(OTHERS)


def given(static: Path, name: str) -> bytes:
    """What a browser gets for the file of that name. Raises OSError."""
    data = (static / name).read_bytes()
    return sent(data) if ours(name) else data


@lru_cache(maxsize=512)
def sent(source: bytes) -> bytes:
    return rjsmin.jsmin(source.decode()).encode()
