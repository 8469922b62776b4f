"""`python -m cloud.migrate`: bring the database to the newest migration, before what needs it is started."""

from cloud import config, db


def main() -> None:
    db.upgrade(config.from_environment().database_url)


if __name__ == "__main__":
    main()
