"""Break one thing at a time under load and look for loss: ``python -m tests.chaos`` (or ``make chaos``).

Exit 1 when an invariant is missed or a fault had to be skipped.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime

import psycopg
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.load import Load
from tests.chaos.servers import Missing
from tests.chaos.stage import Found, Stage, look, stage

#: Load before a fault and after it.
MARGIN_SECONDS = 3.0
#: What the API may take to promise a decision while the broker is broken.
PROMISE_MS = 500
#: What a site's events may take while another site's receiver is broken.
UNDELAYED_SECONDS = 5.0


@dataclass
class Row:
    """What one fault did."""

    fault: str
    found: Found = field(default_factory=Found)
    #: Comments that the load sent.
    per_second: float = 0.0
    promised: int = 0
    refused: int = 0
    p99_ms: float = 0.0
    slowest_ms: float = 0.0
    others_p99_seconds: float | None = None
    recovered_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    #: Figures that depend on how busy this machine is.
    late: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def said(self) -> str:
        return f"skipped: {self.skipped}" if self.skipped else "; ".join(self.wrong + self.late) or "held"


def run(fault: Fault, on: Stage, seed: int, margin: float = MARGIN_SECONDS) -> Row:
    """Load, the fault, load, then wait until everything is judged and delivered, and look."""
    row, dice = Row(fault.name), random.Random(f"{seed}:{fault.name}")
    load = on.load(seed)
    load.start()
    started = began = ended = time.time()
    try:
        time.sleep(margin + dice.uniform(0, 0.5))
        steps = fault.run(on, load, dice)
        began = time.time()
        next(steps)
        time.sleep(fault.seconds)
        ended = time.time()
        for more in steps:
            row.wrong += more or []
        time.sleep(margin)
    except Missing as missing:
        row.skipped = str(missing)
        return row
    except (AssertionError, OSError, psycopg.Error, SQLAlchemyError) as error:
        row.wrong.append(f"{type(error).__name__}: {error}".split("\n")[0])
        on.mend()
    finally:
        load.stop()
    row.per_second = len(load.answers) / (max(at for at, _, _ in load.answers) - started)
    mended = time.monotonic()
    if not on.settle():
        row.wrong.append("not all was judged and delivered in time")
    row.recovered_seconds = time.monotonic() - mended
    for name, process in list(on.parts.running.items()):
        if process.poll() is not None:
            row.wrong.append(f"the {name} process ended by itself")
            on.parts.start(name)
    row.found = look(on, load.sent)
    row.wrong += row.found.faults
    _measure(row, fault, on, load, began, ended)
    return row


def _measure(row: Row, fault: Fault, on: Stage, load: Load, began: float, ended: float) -> None:
    row.promised = sum(status == 202 for _, _, status in load.answers)
    row.refused = len(load.answers) - row.promised
    during = sorted(took for at, took, _ in load.answers if began <= at <= ended)
    if during:
        row.p99_ms, row.slowest_ms = during[int(0.99 * (len(during) - 1))], during[-1]
    if fault.api_answers:
        if row.refused:
            row.wrong.append(f"{row.refused} comments refused")
        if row.p99_ms > PROMISE_MS:
            row.late.append(f"p99 of a promise was {row.p99_ms:.0f} ms")
    if fault.others_undelayed:
        other = on.sites[0]
        # From the event's own time: how long the machine needs for a verdict is not the receiver's doing.
        waits = sorted(
            got.at - datetime.fromisoformat(got.message["timestamp"]).timestamp()
            for got in on.listeners[other].taken
            if began <= got.at <= ended
        )
        row.others_p99_seconds = waits[int(0.99 * (len(waits) - 1))] if waits else None
        if row.others_p99_seconds is None or row.others_p99_seconds > UNDELAYED_SECONDS:
            row.late.append(f"another site's events took {row.others_p99_seconds or 0:.1f} s")


def shown(rows: list[Row]) -> Table:
    table = Table("fault", "per s", "sent", "lost", "judged twice", "events", "not received", "two payloads", "went back",
                  "again", "refused", "p99 ms", "others p99 s", "settled s", "")  # fmt: skip
    for row in rows:
        found = row.found
        numbers = (found.sent, found.lost, found.judged_twice, found.events, found.not_received,
                   found.two_payloads, found.went_back, found.received_again, row.refused)  # fmt: skip
        others = "" if row.others_p99_seconds is None else f"{row.others_p99_seconds:.2f}"
        table.add_row(
            row.fault,
            f"{row.per_second:.0f}",
            *map(str, numbers),
            f"{row.p99_ms:.0f}",
            others,
            f"{row.recovered_seconds:.0f}",
            row.said,
        )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which texts, victims and moments")
    parser.add_argument("--short", action="store_true", help="only what `make test` runs")
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--json", action="store_true", help="for a machine")
    arguments = parser.parse_args()
    chosen = [
        fault for fault in FAULTS if arguments.only in fault.name and (fault.short or not arguments.short)
    ]
    # Asked to stop, everything that was started is stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console, rows = Console(stderr=True), []
    try:
        with stage() as made:
            # Everything is loaded and warm before the first fault is looked at.
            warm = Load(made.parts.port, made.keys, arguments.seed)
            warm.start()
            time.sleep(MARGIN_SECONDS)
            warm.stop()
            made.settle()
            for number, fault in enumerate(chosen, 1):
                console.print(f"{number}/{len(chosen)} {fault.name} …", highlight=False)
                rows.append(run(fault, made, arguments.seed))
                row = rows[-1]
                console.print(
                    f"   {row.found.sent} sent, {row.found.events} events: {row.said}", highlight=False
                )
    except Missing as missing:
        console.print(f"Nothing was run: {missing}.")
        return 1
    if arguments.json:
        print(json.dumps({"seed": arguments.seed, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        Console(width=210).print(shown(rows))
    return int(any(row.wrong or row.late or row.skipped for row in rows))


if __name__ == "__main__":
    sys.exit(main())
