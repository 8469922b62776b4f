"""What gunicorn runs: `gunicorn -c cloud/gunicorn_conf.py cloud.wsgi:app`, settings from the environment."""

from cloud import config, logs
from cloud.app import create_app

logs.setup("web")

app = create_app(config.from_environment())
