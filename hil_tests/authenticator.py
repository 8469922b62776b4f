"""Somebody of the staff with an authenticator app, for tests: its codes are good once, as everywhere."""

import time

import pyotp

from cloud import factors, users
from tools.cli_operator import add_user
from tools.fleet import Fleet

STEP_S = 30


class Colleague:
    """Made with both factors; has never signed in."""

    password = "correct horse battery"

    def __init__(self, fleet: Fleet, login: str, role: str = "admin") -> None:
        self.login = login
        cloud = fleet.context
        add_user(cloud, login, self.password, role)
        with cloud.db.writing() as session:
            user = users.by_name(session, login)
            assert user is not None
            secret, _ = factors.begin_totp(session, cloud.box, user)
            self._app = pyotp.TOTP(secret)
            self._step = int(time.time()) // STEP_S - 1
            factors.confirm_totp(session, cloud.box, user.user_id, self._at(self._step), cloud.now())

    def code(self) -> str:
        """The next that was not used yet; the cloud takes the one of the next half minute too."""
        self._step = max(self._step + 1, int(time.time()) // STEP_S)
        return self._at(self._step)

    def _at(self, step: int) -> str:
        return self._app.at(step * STEP_S)
