"""What gunicorn runs: `gunicorn -c cloud/gunicorn_conf.py cloud.wsgi:app`, settings from the environment."""

import logging

from cloud import config, db
from cloud.app import create_app

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")

settings = config.from_environment()
db.require_newest(settings.database_url)
app = create_app(settings)
