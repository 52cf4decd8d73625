"""Rows of the record that can be checked by who may not see them, and signed statements about where every chain ends

Every row gets a salt, and every chain is hashed anew with it. That is rewriting the record, which nothing may ever do again: it is
done here because no version of Ringfence has been released, so no chain exists that anybody has been shown.
"""

from __future__ import annotations

import hashlib
import json
import os

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ROW = ("chain", "seq", "question", "who", "verdict", "rules", "rulebook")


def upgrade() -> None:
    _rename("audit", "audit_old")
    _make(salted=True)
    _chain_anew()
    op.drop_table("audit_old")
    op.create_table(
        "record_log",
        sa.Column(
            "idx",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Place in the log, from 0. For ever: the log only grows.",
        ),
        sa.Column("chain", sa.String(length=34), nullable=False, comment="Which chain's head had moved. As the row."),
        sa.Column("seq", sa.Integer(), nullable=False, comment="How many rows it then had. As the row."),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="Hash of its last row then. As the row."),
        sa.PrimaryKeyConstraint("idx", name=op.f("pk_record_log")),
    )
    op.create_index("ix_record_log_chain_idx", "record_log", ["chain", "idx"], unique=False)
    op.create_table(
        "record_nodes",
        sa.Column(
            "level",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="0: the log's entries, hashed. As the log.",
        ),
        sa.Column(
            "place", sa.Integer(), autoincrement=False, nullable=False, comment="From the left, from 0. As the log."
        ),
        sa.Column(
            "hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="Of a whole subtree: a proof needs a few of them instead of the log. As the log.",
        ),
        sa.PrimaryKeyConstraint("level", "place", name=op.f("pk_record_nodes")),
    )
    op.create_table(
        "checkpoints",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False, comment="Counts up from 1. For ever."),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When it was signed. As the row."),
        sa.Column("size", sa.Integer(), nullable=False, comment="How long the log was. As the row."),
        sa.Column(
            "root",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="Of the tree over the log's first `size` entries. As the row.",
        ),
        sa.Column("note", sa.Text(), nullable=False, comment="The signed statement, public. As the row."),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "record_keys",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False, comment="Counts up from 1. For ever."),
        sa.Column(
            "key",
            sa.String(length=300),
            nullable=False,
            comment="Public key that signs from then on; the private one is a file, not here. As the row.",
        ),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="From when; the first from 0 on. As the row."),
        sa.Column(
            "hand_over",
            sa.Text(),
            nullable=True,
            comment="The note in which the key before hands over, signed by both. Null for the first. As the row.",
        ),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_record_keys")),
    )


def downgrade() -> None:
    for table in ("record_keys", "checkpoints", "record_nodes", "record_log"):
        op.drop_table(table)
    _rename("audit", "audit_old")
    _make(salted=False)
    columns = ", ".join((*_ROW, "at", "previous", "hash"))
    op.execute(f"INSERT INTO audit ({columns}) SELECT {columns} FROM audit_old")  # noqa: S608 - our own names
    op.drop_table("audit_old")


def _rename(table: str, to: str) -> None:
    """Out of the way, with the name of its key: on PostgreSQL that is taken otherwise."""
    op.rename_table(table, to)
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {to} RENAME CONSTRAINT pk_{table} TO pk_{to}")
        op.execute(f"ALTER TABLE {to} RENAME CONSTRAINT ck_{table}_verdict TO ck_{to}_verdict")


def _make(*, salted: bool) -> None:
    last = (
        "SHA-256 over `previous` and the row's digest." if salted else "SHA-256 over the canonical row with `previous`."
    )
    salt = sa.Column(
        "salt",
        sa.LargeBinary(length=48),
        nullable=False,
        comment="Random: whoever is shown only a row's digest cannot find out the row by trying. As the row.",
    )
    op.create_table(
        "audit",
        sa.Column(
            "chain",
            sa.String(length=34),
            nullable=False,
            comment="A household's chain ('h_'+id) or the platform's ('platform'). Outlives accounts.",
        ),
        sa.Column(
            "seq", sa.Integer(), nullable=False, comment="Counts up by one in each chain from 1; a gap is a cut."
        ),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="Time of the decision."),
        sa.Column(
            "question", sa.String(length=32), nullable=False, comment="The verb asked. No names, no addresses, no SDP."
        ),
        sa.Column("who", sa.Text(), nullable=False, comment="JSON: pseudonyms of those concerned."),
        sa.Column("verdict", sa.String(length=5), nullable=False, comment="allow or deny."),
        sa.Column("rules", sa.Text(), nullable=False, comment="JSON: ids of all deciding rules."),
        sa.Column("rulebook", sa.String(length=32), nullable=False, comment="Which version of the rules decided."),
        sa.Column(
            "previous",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="Hash of the row before; 32 zero bytes at the start.",
        ),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment=last),
        *([salt] if salted else []),
        sa.CheckConstraint("verdict IN ('allow','deny')", name=op.f("ck_audit_verdict")),
        sa.PrimaryKeyConstraint("chain", "seq", name=op.f("pk_audit")),
    )


def _chain_anew() -> None:
    """The formula is written out here and not taken from ``server/audit.py``: a migration stays what it was."""
    connection = op.get_bind()
    audit, heads = (
        sa.table(
            name,
            *(sa.column(one, sa.LargeBinary() if one in ("previous", "hash", "salt") else None) for one in columns),
        )
        for name, columns in (
            ("audit", (*_ROW, "at", "previous", "hash", "salt")),
            ("audit_heads", ("chain", "seq", "hash")),
        )
    )
    chain, previous, new = "", bytes(32), []
    stored = connection.execute(
        sa.text("SELECT chain, seq, question, who, verdict, rules, rulebook, at FROM audit_old ORDER BY chain, seq")
    ).all()
    for *values, at in stored:
        row = dict(zip(_ROW, values, strict=True))
        if row["chain"] != chain:
            chain, previous = row["chain"], bytes(32)
        salt = os.urandom(48)
        told = {name: value for name, value in row.items() if name != "who"}
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
        stamp, body = _sha(salt[:16] + str(at).encode()), _sha(salt[16:32] + canonical)
        rest = _sha(body + _sha(salt[32:] + row["who"].encode()))
        last = _sha(previous + _sha(stamp + rest))
        new.append({**row, "at": at, "previous": previous, "hash": last, "salt": salt})
        previous = last
    if new:
        connection.execute(sa.insert(audit), new)
        ends = {row["chain"]: {"chain": row["chain"], "seq": row["seq"], "hash": row["hash"]} for row in new}
        connection.execute(sa.delete(heads).where(heads.c.chain.in_(list(ends))))
        connection.execute(sa.insert(heads), list(ends.values()))


def _sha(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()
