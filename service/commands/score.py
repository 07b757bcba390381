"""Score comments from JSON lines, without keeping anything."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from models.scorer import Scored, Scorer
    from moderation.policy import Policy

#: Comments scored in one call: what fits the processor's cache (docs/model.md).
BATCH = 64
LONGEST_LINE = 1_000_000
_FIELDS = {"text": True, "name": False, "email": False, "url": False, "language": False}


@click.command("score")
@click.argument("source", type=click.File("rb"), default="-")
@click.option("--policy", "policy_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", "artifact", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--language", default="", help="The site's language, such as de.")
@click.option("--cascade", is_flag=True, help="As the worker does: the deep tier only where it could matter.")
def command(
    source: IO[bytes], policy_file: Path | None, artifact: Path | None, language: str, cascade: bool
) -> None:
    """Score comments: JSON lines in, JSON lines out.

    \b
    In:  {"text": "…", "name": "…", "email": "…"}   (text alone is needed)
    Out: {"scores": {"spam": 0.01, …}, "verdict": "approve", "model": "…"}

    A line that cannot be read is reported with its number, and an answer {"error": …} keeps its place; the
    exit code is 1 then. Without --policy the verdict follows the default policy. Both tiers of the model are
    asked for every comment, which ranks best; with --cascade it is as quick as a worker.
    """
    from models.artifact import ArtifactRefused
    from models.scorer import Scorer
    from moderation.policy import DEFAULT, Policy

    policy = DEFAULT
    if policy_file is not None:
        policy = Policy.from_text(policy_file.read_text(encoding="utf-8"))
    try:
        scorer = Scorer.load(artifact)
    except ArtifactRefused as refused:
        raise click.ClickException(str(refused)) from None
    console = Console(stderr=True)
    bad = 0
    shows = console.is_terminal and not sys.stdout.isatty()
    with Progress(console=console, disable=not shows) as progress:
        task = progress.add_task("Scored", total=_size_of(source))
        for lines in _batches(source):
            for answer in _answers(lines, scorer, policy, language, cascade):
                if "error" in answer:
                    bad += 1
                    progress.console.print(f"line {answer['line']}: {answer['error']}", markup=False)
                click.echo(json.dumps(answer, ensure_ascii=False))
            progress.advance(task, sum(len(raw) for _, raw in lines))
    if bad:
        raise SystemExit(1)


def _batches(source: IO[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines, from 1, in batches; blank ones are passed over."""
    batch: list[tuple[int, bytes]] = []
    for number, raw in enumerate(source, start=1):
        if raw.strip():
            batch.append((number, raw))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _answers(
    lines: list[tuple[int, bytes]], scorer: Scorer, policy: Policy, language: str, cascade: bool
) -> Iterator[dict[str, Any]]:
    from models.scorer import Text

    read = [(number, _read(raw)) for number, raw in lines]
    texts = [
        Text(
            body=document["text"],
            name=document.get("name", ""),
            email=document.get("email", ""),
            url=document.get("url", ""),
            language=document.get("language", language),
        )
        for _, document in read
        if "error" not in document
    ]
    scored = iter(scorer.score(texts, lines=policy.lines, deep=None if cascade else True))
    for number, document in read:
        if "error" in document:
            yield {"line": number, "error": document["error"]}
        else:
            yield _judged(document, next(scored), policy, language)


def _judged(document: dict[str, Any], found: Scored, policy: Policy, language: str) -> dict[str, Any]:
    from moderation.lists import Matcher
    from moderation.policy import judge
    from moderation.signals import NO_HISTORY, Subject, circumstances_of, find

    now = datetime.now(UTC)
    subject = Subject(body=document["text"], name=document.get("name", ""), email=document.get("email", ""))
    signals = find(subject, found.facts, Matcher([]), NO_HISTORY, policy, now, language)
    # nobody looked up whether the author wrote before: that is no first comment
    signals = [signal for signal in signals if signal.name != "first_comment"]
    circumstances = circumstances_of(
        subject,
        NO_HISTORY,
        policy,
        now,
        language=found.language,
        language_supported=found.language_supported,
    )
    verdict = judge(found.scores, policy, signals, circumstances)
    return {
        "scores": {name: round(score, 6) for name, score in found.scores.items()},
        "verdict": verdict.outcome,
        "model": found.model,
    }


def _read(raw: bytes) -> dict[str, Any]:
    """The line's fields, or why it cannot be read."""
    if len(raw) > LONGEST_LINE:
        return {"error": f"is longer than {LONGEST_LINE:,} bytes"}
    try:
        document = json.loads(raw)
    except RecursionError:
        return {"error": "is nested too deep"}
    except UnicodeDecodeError:
        return {"error": "is not UTF-8"}
    except ValueError as fault:
        return {"error": f"is not JSON: {fault}"}
    if not isinstance(document, dict):
        return {"error": 'is not an object such as {"text": "…"}'}
    for name, value in document.items():
        if name not in _FIELDS:
            return {"error": f"has an unknown field “{name}”"}
        if not isinstance(value, str):
            return {"error": f"“{name}” must be text"}
        document[name] = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not document.get("text", "").strip():
        return {"error": "has no text"}
    return document


def _size_of(source: IO[bytes]) -> int | None:
    try:
        size = os.fstat(source.fileno()).st_size
    except (OSError, ValueError):
        return None
    return size or None
