"""What gunicorn runs: `gunicorn -c cloud/gunicorn_conf.py cloud.wsgi:app`, settings from the environment."""

import logging

from cloud import config
from cloud.app import create_app

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")

logging.getLogger("alembic").setLevel(logging.WARNING)

app = create_app(config.from_environment())
