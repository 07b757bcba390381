"""The references: a bare Flask view that validates the same and inserts one row, and a no-op task."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from celery import Celery
from flask import Flask, jsonify, request
from sqlalchemy import Column, DateTime, MetaData, String, Table, Text, create_engine

from moderation.tables import new_id

metadata = MetaData()
rows = Table(
    "bare_comments",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("name", String(200)),
    Column("email", Text),
    Column("body", Text),
    Column("article", Text),
    Column("received_at", DateTime(timezone=True)),
)

celery = Celery("bare", broker=os.environ.get("BTL_REDIS_URL"))
celery.conf.update(
    task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=1, task_serializer="json"
)


@celery.task(name="bare.nothing")
def nothing() -> None:
    """What a task costs that does nothing."""


def create_app() -> Flask:
    from service.accepting import COMMENT

    app = Flask(__name__)
    engine = create_engine(os.environ["BTL_DATABASE_URL"], pool_size=8)
    metadata.create_all(engine)

    @app.post("/bare")
    def take() -> object:
        fields = COMMENT.load(request.get_json())
        row = {
            "id": new_id(),
            "name": fields["name"],
            "email": fields["email"],
            "body": fields["body"],
            "article": str(fields.get("article")),
            "received_at": datetime.now(UTC),
        }
        with engine.begin() as connection:
            connection.execute(rows.insert(), row)
        return jsonify(id=row["id"]), 202

    @app.post("/nothing")
    def nothing_at_all() -> object:
        request.get_data()
        return jsonify(ok=True)

    @app.get("/healthz")
    def alive() -> object:
        return jsonify(ok=True)

    return app
