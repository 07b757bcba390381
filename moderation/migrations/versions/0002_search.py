"""Search all comments: their text once more, in a table of its own that PostgreSQL can look into by trigrams.

Expand only: the old version goes on serving. What it edits or erases is followed by the trigger; what it takes in
is added by the new version's workers. The index itself is made by moderation.search.prepare, where the database
allows it. SQLite gets the table and leaves it empty.
"""

import sqlalchemy as sa
from alembic import op
revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

FOLLOW = """
create function comment_texts_follow() returns trigger language plpgsql as $$
begin
  update comment_texts set text = new.name || ' ' || new.body where comment_id = new.id;
  return null;
end $$
"""
TRIGGER = """
create trigger comment_texts_follow after update of name, body on comments
for each row execute function comment_texts_follow()
"""


def upgrade() -> None:
    op.create_table(
        'comment_texts',
        sa.Column('comment_id', sa.String(length=26), nullable=False),
        sa.Column('site_id', sa.String(length=26), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['comment_id'], ['comments.id'], name=op.f('fk_comment_texts_comment_id_comments'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('comment_id', name=op.f('pk_comment_texts')),
    )
    connection = op.get_bind()
    if connection.dialect.name != 'postgresql':
        return
    op.execute(FOLLOW)
    op.execute(TRIGGER)


def downgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('drop trigger comment_texts_follow on comments')
        op.execute('drop function comment_texts_follow()')
    op.drop_table('comment_texts')
