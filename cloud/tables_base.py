"""What every table is made of: see tables.py."""

from sqlalchemy import BigInteger, CheckConstraint, Integer, LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
UNSIGNED = BigInteger()  # uint32 on the wire does not fit PostgreSQL's INTEGER
COUNTED = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only an INTEGER primary key


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of these words; kept by the database too."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=column)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=CONVENTION)
    type_annotation_map = {int: UNSIGNED, str: String(), bytes: LargeBinary()}
