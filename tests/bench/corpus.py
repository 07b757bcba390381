"""The comments that are measured with: real ones where a data folder is given, else those of `btl demo`."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.processes import ROOT


def texts(data: Path | None) -> list[str]:
    """:return: comments in a fixed, mixed order, about 370 characters long on average."""
    if data is not None:
        import pyarrow.parquet as pq

        rows = pq.read_table(data / "civil_comments.parquet", columns=["text", "natural_sample"]).to_pylist()
        return [row["text"] for row in rows if row["natural_sample"] == 1]
    demo = yaml.safe_load((ROOT / "service" / "demo_comments.yaml").read_text(encoding="utf-8"))
    bodies = [one["body"] for one in (demo["comments"] if isinstance(demo, dict) else demo)]
    # Joined to the length that real comments have, each differently.
    return [
        f"{bodies[place % len(bodies)]} {bodies[(place * 7 + 3) % len(bodies)]} {bodies[(place * 13 + 5) % len(bodies)]}"
        for place in range(2_000)
    ]
