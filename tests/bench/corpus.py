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
    comments = demo["comments"] if isinstance(demo, dict) else demo
    fine = [one["body"] for one in comments if one["meant"] == "approve"]
    others = [one["body"] for one in comments if one["meant"] != "approve"]
    # Joined to the length that real comments have, each differently; one in fourteen is not fine, as in the real ones.
    return [
        " ".join(
            (
                others[place % len(others)] if place % 14 == 0 else fine[place % len(fine)],
                fine[(place * 7 + place // len(fine) + 3) % len(fine)],
                fine[(place * 13 + place // len(fine) * 5 + 5) % len(fine)],
            )
        )
        for place in range(2_000)
    ]
