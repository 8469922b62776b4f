"""The frame of everybody's own page, which links in mails lead to. What is on it comes from the API, by script."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from cloud.auth import public

routes = Blueprint("account_page", __name__)


@routes.get("/account")
@public
def frame() -> ResponseReturnValue:
    """Public: it holds nothing; the script asks who is there."""
    return render_template("account.html")
