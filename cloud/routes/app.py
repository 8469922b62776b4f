"""The riders' app: one frame for every address below it, and what makes it one that installs and starts offline.

The worker that keeps its files on the phone is told which, each with the SHA-256 of what the cloud gives: one byte
changed anywhere is another worker, and a phone never mixes two versions.
"""

import hashlib
import json
from base64 import b64encode
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from cloud import scripts
from cloud.auth import cloud, public

routes = Blueprint("app", __name__)

COLOUR = "#0b6b4f"
ICONS = (192, 512)  # pixels; app/icon-*.png
BESIDE = (  # what the app takes from elsewhere
    "console/dom.js",
    "console/passkey.js",
    "icon.svg",
    "vendor/leaflet.css",
    "vendor/leaflet.js",
)
WORKER = "app/worker.js"


@routes.get("/app/")
@routes.get("/app/<path:page>")
@public
def frame(page: str = "") -> ResponseReturnValue:
    """Public: it holds nothing; the script asks who is there."""
    return render_template("app.html", tiles=cloud().settings.tiles, colour=COLOUR)


@routes.get("/b/<code:code>")
@public
def sticker(code: str) -> ResponseReturnValue:
    """What a bicycle's QR code leads to."""
    return redirect(url_for("app.frame", page=f"b/{code}"), 302)


@routes.get("/app/manifest.webmanifest")
@public
def manifest() -> ResponseReturnValue:
    """https://www.w3.org/TR/appmanifest/"""
    answer = jsonify(
        {
            "id": "/app/",
            "name": "Ringslot",
            "short_name": "Ringslot",
            "start_url": "/app/",
            "scope": "/app/",
            "display": "standalone",
            "theme_color": COLOUR,
            "background_color": "#f6f7f5",
            "icons": [
                {
                    "src": url_for("static", filename=f"app/icon-{size}.png"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": purpose,
                }
                for size in ICONS
                for purpose in ("any", "maskable")
            ],
        }
    )
    answer.mimetype = "application/manifest+json"
    return answer


@routes.get("/app/worker.js")
@public
def worker() -> ResponseReturnValue:
    """The service worker, with the list of what it keeps: {address: integrity}."""
    static = Path(current_app.static_folder or "")
    files = {url_for("static", filename=name): scripts.given(static, name) for name in names(static)}
    files[url_for("app.frame")] = render_template(
        "app.html", tiles=cloud().settings.tiles, colour=COLOUR
    ).encode()
    kept = {address: integrity(data) for address, data in files.items()}
    script = (static / WORKER).read_text()
    return Response(f"const FILES = {json.dumps(kept)};\n{script}", mimetype="text/javascript")


def names(static: Path) -> list[str]:
    """What a phone keeps, below `static`: the whole app, for every page of it works offline."""
    found = [path.relative_to(static).as_posix() for path in (static / "app").rglob("*") if path.is_file()]
    beside = [name for name in BESIDE if (static / name).exists()]
    return sorted(name for name in found if name != WORKER and not name.endswith(".md")) + beside


def integrity(data: bytes) -> str:
    """https://www.w3.org/TR/SRI/"""
    return "sha256-" + b64encode(hashlib.sha256(data).digest()).decode()
