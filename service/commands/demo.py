"""Post a few hundred comments to what runs here, and show what became of them.

Through the API with a site's key, as a news site would: the example news site learns of what was approved by
its webhooks, and the desk shows what was held.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

COMMENTS = Path(__file__).parents[1] / "demo_comments.yaml"
AT_ONCE = 6
PATIENCE_SECONDS = 30.0
#: When no decision came for so long, what is still pending is reported as such.
STANDSTILL_SECONDS = 60.0
OUTCOMES = ("approved", "held", "rejected", "pending")
#: The articles of the example news site, as it names them when a reader writes there.
TITLES = {
    "ferry": "The night ferry is back, and this time it hums",
    "library": "The library stays open until ten, with nobody at the desk",
    "market": "Saturday market moves in under the railway arches",
    "backstube": "Die Inselbäckerei hat eine Nachfolgerin gefunden",
    "maktaba": "مكتبة متنقلة تصعد إلى قرى الجبل",
}
MEANT = {"approve": "approved", "hold": "held", "reject": "rejected"}


class DemoRefused(click.ClickException):
    """The demonstration cannot go on; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Posted:
    """:param comment: a line of demo_comments.yaml; ``id`` is empty where it was refused, ``why`` says so."""

    comment: dict[str, str]
    id: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Became:
    """:param reasons: names of the reasons that it was given."""

    status: str = "pending"
    reasons: frozenset[str] = frozenset()


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
def command(as_json: bool) -> None:
    """Post a few hundred comments to what runs here and show what became of them.

    Written for this project: praise, argument, insults, threats, spam of many kinds, disguises, several
    languages. Start the program with `make run` or `btl up` first. Called again and again it posts the same
    texts, which the program notices.
    """
    import requests
    import yaml

    running = _what_runs()
    comments = yaml.safe_load(COMMENTS.read_text(encoding="utf-8"))
    # The file is in order of kinds; readers are not. The same order every time.
    random.Random(1).shuffle(comments)  # noqa: S311
    began = time.monotonic()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {running['site_key']}"
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=AT_ONCE))
        try:
            _try_key(session, running["api_url"])
            with _progress(as_json) as progress:
                posted = _post(session, running, comments, progress)
                decided = _decisions(session, running["api_url"], posted, progress)
        except requests.RequestException as fault:
            raise DemoRefused(
                f"{running['api_url']} does not answer ({type(fault).__name__}). "
                "Is the program still running? `btl doctor` tells more."
            ) from None
    result = _result(posted, decided, time.monotonic() - began)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        _show(result, running)


def _what_runs() -> dict[str, str]:
    data_dir = Path(os.environ.get("BTL_DATA_DIR", "").strip() or "var").expanduser()
    path = data_dir / "run.json"
    try:
        running = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(running[name]) for name in ("api_url", "site_key", "news_site_url", "desk_url")}
    except FileNotFoundError:
        raise DemoRefused(
            f"Nothing runs here: there is no {path}. Start the program with `make run` (or `btl up`) and "
            "call `btl demo` in a second terminal, in the same folder."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise DemoRefused(f"{path} cannot be read ({fault}). Stop the program and start it again.") from None


def _try_key(session: Any, api_url: str) -> None:
    """Once, before hundreds of refusals."""
    answer = session.get(f"{api_url}/v1/comments", params={"limit": 1}, timeout=PATIENCE_SECONDS)
    if answer.status_code in (401, 403):
        raise DemoRefused("The key in run.json is not accepted. Stop the program and start it again.")


def _post(
    session: Any, running: dict[str, str], comments: list[dict[str, str]], progress: Any
) -> list[Posted]:
    run = secrets.token_hex(4)
    bar = progress.add_task("Posting", total=len(comments))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = [
            pool.submit(_post_one, session, running, comment, f"demo-{run}-{number}", number)
            for number, comment in enumerate(comments)
        ]
        for one in as_completed(sent):
            one.result()
            progress.advance(bar)
    return [one.result() for one in sent]


def _post_one(
    session: Any, running: dict[str, str], comment: dict[str, str], external_id: str, number: int
) -> Posted:
    document = {
        "external_id": external_id,
        "name": comment["name"],
        "email": comment["email"],
        "body": comment["body"],
        "language": comment["language"],
        "article": {
            "id": comment["article"],
            "url": f"{running['news_site_url']}/articles/{comment['article']}",
            "title": TITLES[comment["article"]],
        },
        # Addresses that belong to nobody (RFC 5737), a different one for each of the few hundred.
        "ip": f"{('198.51.100', '203.0.113')[number // 250 % 2]}.{number % 250 + 1}",
        "user_agent": "Mozilla/5.0 (demo)",
    }
    for _ in range(10):
        answer = session.post(
            f"{running['api_url']}/v1/comments",
            json=document,
            headers={"Idempotency-Key": f'"{external_id}"'},
            timeout=PATIENCE_SECONDS,
        )
        if answer.status_code not in (429, 503):
            break
        time.sleep(min(float(answer.headers.get("Retry-After", 1)), 30.0))
    try:
        said = answer.json()
    except ValueError:
        said = {}
    if answer.ok:
        return Posted(comment, str(said["id"]))
    return Posted(comment, "", str(said.get("detail") or f"HTTP {answer.status_code}"))


def _decisions(session: Any, api_url: str, posted: list[Posted], progress: Any) -> dict[str, Became]:
    """Wait for what was posted to be decided.

    :return: what became of each comment by its id; ``pending`` where no decision came in time.
    """
    decided = {one.id: Became() for one in posted if one.id}
    bar = progress.add_task("Deciding", total=len(decided))
    last_moved = time.monotonic()
    while waiting := {name for name, became in decided.items() if became.status == "pending"}:
        for comment in _newest(session, api_url, waiting.issubset):
            if comment["id"] in waiting:
                names = frozenset(reason["name"] for reason in comment["reasons"])
                decided[comment["id"]] = Became(comment["status"], names)
        still = sum(one.status == "pending" for one in decided.values())
        progress.update(bar, completed=len(decided) - still)
        if still < len(waiting):
            last_moved = time.monotonic()
        elif time.monotonic() - last_moved > STANDSTILL_SECONDS:
            break
        if still:
            time.sleep(0.3)
    return decided


def _newest(session: Any, api_url: str, enough: Callable[[set[str]], bool]) -> Iterator[dict[str, Any]]:
    """The site's comments, newest first, page by page, until enough of them were seen."""
    seen: set[str] = set()
    cursor = None
    while True:
        query = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        answer = session.get(f"{api_url}/v1/comments", params=query, timeout=PATIENCE_SECONDS)
        if answer.status_code == 429:
            time.sleep(float(answer.headers.get("Retry-After", 1)))
            continue
        answer.raise_for_status()
        page = answer.json()
        yield from page["comments"]
        seen.update(comment["id"] for comment in page["comments"])
        cursor = page.get("next_cursor")
        if not cursor or enough(seen):
            return


def _result(posted: list[Posted], decided: dict[str, Became], seconds: float) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {}
    meant: dict[str, Counter[str]] = {}
    for one in sorted(posted, key=lambda one: (list(MEANT).index(one.comment["meant"]), one.comment["kind"])):
        became = decided[one.id].status if one.id else "refused"
        kind = kinds.setdefault(one.comment["kind"], {"meant": one.comment["meant"], "became": Counter()})
        kind["became"][became] += 1
        meant.setdefault(one.comment["meant"], Counter())[became] += 1
    return {
        "posted": sum(bool(one.id) for one in posted),
        "pending": sum(one.status == "pending" for one in decided.values()),
        "held_for_language": sum(
            became.status == "held" and "unsupported_language" in became.reasons
            for became in decided.values()
        ),
        "refused": [{"name": one.comment["name"], "why": one.why} for one in posted if not one.id],
        "seconds": round(seconds, 1),
        "by_kind": {name: {**kind, "became": dict(kind["became"])} for name, kind in kinds.items()},
        "by_meant": {name: dict(meant[name]) for name in MEANT if name in meant},
    }


def _progress(quiet: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet)


def _show(result: dict[str, Any], running: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    outcomes = [name for name in OUTCOMES if name != "pending" or result["pending"]]
    table = Table(title="What became of them", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name, right in (("written as", False), ("meant to be", False), *((name, True) for name in outcomes)):
        table.add_column(name, justify="right" if right else "left")
    for kind, line in result["by_kind"].items():
        wanted = MEANT[line["meant"]]
        cells = []
        for outcome in outcomes:
            count = str(line["became"].get(outcome) or "·")
            cells.append(f"[bold]{count}[/bold]" if outcome == wanted else count)
        table.add_row(kind.replace("_", " "), wanted, *cells)
    console.print(table)
    became = {name: Counter(line) for name, line in result["by_meant"].items()}
    abuse, fine = became.get("reject", Counter()), became.get("approve", Counter())
    console.print(
        f"\n{result['posted']} comments in {result['seconds']} s. "
        f"Of {abuse.total()} written to be rejected, {abuse['approved']} would be read by everybody; "
        f"of {fine.total()} written to be published, {fine['rejected']} were lost and {fine['held']} wait."
    )
    if result["held_for_language"]:
        console.print(
            f"{result['held_for_language']} of the held ones are in a language that the model was not "
            "trained for: there a person decides."
        )
    if result["pending"]:
        console.print(
            f"No decision came for {result['pending']} of them: is the score worker running? "
            "Its log is in the data folder; `btl doctor` tells more."
        )
    for refused in result["refused"]:
        console.print(f"Refused: {refused['name']}: {refused['why']}", markup=False)
    console.print(f"Read them:            {running['news_site_url']}", soft_wrap=True)
    console.print(f"Decide the held ones: {running['desk_url']}", soft_wrap=True)
