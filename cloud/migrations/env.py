"""What Alembic runs: on the connection that cloud.db.upgrade() hands in, or on RINGSLOT_DATABASE_URL from its own
command line (`alembic -c cloud/alembic.ini revision --autogenerate -m "Add …"`)."""

import os

from alembic import context

from cloud import tables_api, tables_fleet, tables_people
from cloud.db import make_engine
from cloud.tables import Base

assert tables_api and tables_fleet and tables_people  # their tables are of the same metadata


def run(connection) -> None:  # type: ignore[no-untyped-def]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by copying it
        transactional_ddl=True,  # on SQLite too: a migration that fails half-way leaves nothing
    )
    with context.begin_transaction():
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if handed_in is not None:
    run(handed_in)
else:
    engine = make_engine(os.environ["RINGSLOT_DATABASE_URL"])
    with engine.execution_options(writing=True).begin() as own:
        run(own)
