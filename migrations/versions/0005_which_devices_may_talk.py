"""Which devices may talk: the key of each browser, the rosters that guardians sign, and the keys that they said yes to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sessions") as table:
        table.add_column(
            sa.Column(
                "identity",
                sa.String(length=43),
                nullable=True,
                comment="Public half of the key with which this browser signs; a roster names it. As the row.",
            )
        )
    with op.batch_alter_table("pairings") as table:
        table.add_column(
            sa.Column(
                "guardian_key",
                sa.String(length=43),
                nullable=True,
                comment="Public key of the browser that said yes; the device remembers it as its own grown-up's. As the row.",
            )
        )
    op.create_table(
        "rosters",
        sa.Column(
            "contact_id",
            sa.String(length=32),
            nullable=False,
            comment="Which contact. The row goes within the hour when the contact is over.",
        ),
        sa.Column(
            "side", sa.String(length=1), nullable=False, comment="Whose devices: those of a or of b. As the row."
        ),
        sa.Column(
            "serial",
            sa.BigInteger(),
            nullable=False,
            comment="Rises with each roster; only the newest is kept. As the row.",
        ),
        sa.Column(
            "signer",
            sa.String(length=43),
            nullable=False,
            comment="Public key of the browser that signed it: the other side remembers it. As the row.",
        ),
        sa.Column(
            "first_signer",
            sa.String(length=43),
            nullable=False,
            comment="Who signed the first: another one is shown to the other family as changed. As the row.",
        ),
        sa.Column(
            "body",
            sa.Text(),
            nullable=False,
            comment="The signed list of device keys, as the other side's devices check it. As the row.",
        ),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When. As the row."),
        sa.CheckConstraint("side IN ('a','b')", name=op.f("ck_rosters_side")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_rosters_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "side", name=op.f("pk_rosters")),
    )
    op.create_table(
        "known_keys",
        sa.Column(
            "contact_id",
            sa.String(length=32),
            nullable=False,
            comment="Which contact. The row goes within the hour when the contact is over.",
        ),
        sa.Column(
            "side",
            sa.String(length=1),
            nullable=False,
            comment="Whose signer is known; the other side says so. As the row.",
        ),
        sa.Column(
            "key", sa.String(length=43), nullable=False, comment="The public key that they said yes to. As the row."
        ),
        sa.Column("checked", sa.Boolean(), nullable=False, comment="They compared pictures first. As the row."),
        sa.Column(
            "signer",
            sa.String(length=43),
            nullable=False,
            comment="Public key of the browser that said so. As the row.",
        ),
        sa.Column(
            "body",
            sa.Text(),
            nullable=False,
            comment="What was signed: their own child's devices check it. As the row.",
        ),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When. As the row."),
        sa.CheckConstraint("side IN ('a','b')", name=op.f("ck_known_keys_side")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_known_keys_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "side", name=op.f("pk_known_keys")),
    )


def downgrade() -> None:
    op.drop_table("known_keys")
    op.drop_table("rosters")
    with op.batch_alter_table("pairings") as table:
        table.drop_column("guardian_key")
    with op.batch_alter_table("sessions") as table:
        table.drop_column("identity")
