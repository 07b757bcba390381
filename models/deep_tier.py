"""The deep tier at work: ONNX int8 on onnxruntime, tokens by ``tokenizers``; nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import ATTRIBUTES
from models.features import Array

MAX_TOKENS = 128
_BATCH = 16
_MOST_PADDED, _PADDED_ANYWAY = 1.25, 2
_MOST_CHARACTERS = 2_000


def _alike(order: Sequence[int], lengths: Sequence[int]) -> Iterator[Sequence[int]]:
    """Groups of texts, shortest first: a group ends before one that would pad the others by more than a
    quarter, since every padded token is worked through like a real one."""
    begin = 0
    for end in range(1, len(order) + 1):
        full = end - begin == _BATCH
        if end == len(order) or full or lengths[end] > _MOST_PADDED * lengths[begin] + _PADDED_ANYWAY:
            yield order[begin:end]
            begin = end


class DeepTier:
    """A session that is opened when it is first asked, so that a process that never asks never pays."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._opened: tuple[Any, Any] | None = None
        self._process = 0

    @classmethod
    def load(cls, directory: Path) -> DeepTier | None:
        """The deep tier of an artifact; None where onnxruntime or tokenizers is not installed."""
        from importlib.util import find_spec

        if find_spec("onnxruntime") is None or find_spec("tokenizers") is None:
            return None
        return cls(directory)

    def logits(self, model_texts: Sequence[str]) -> Array:
        """Uncalibrated logits (texts, attributes); texts of like length go together."""
        session, tokenizer = self._open()
        encodings = [e.ids for e in tokenizer.encode_batch([text[:_MOST_CHARACTERS] for text in model_texts])]
        order = sorted(range(len(encodings)), key=lambda at: len(encodings[at]))
        out = np.empty((len(encodings), len(ATTRIBUTES)))
        for some in _alike(order, [len(encodings[at]) for at in order]):
            width = len(encodings[some[-1]])
            ids = np.zeros((len(some), width), np.int64)
            mask = np.zeros((len(some), width), np.int64)
            for row, at in enumerate(some):
                ids[row, : len(encodings[at])] = encodings[at]
                mask[row, : len(encodings[at])] = 1
            out[some] = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
        return out

    def _open(self) -> tuple[Any, Any]:
        # A session's threads do not survive a fork: each process opens its own.
        if self._opened is None or self._process != os.getpid():
            import onnxruntime
            from tokenizers import Tokenizer

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            session = onnxruntime.InferenceSession(
                str(self._directory / "deep.onnx"), options, providers=["CPUExecutionProvider"]
            )
            tokenizer = Tokenizer.from_file(str(self._directory / "tokenizer.json"))
            tokenizer.enable_truncation(MAX_TOKENS)
            tokenizer.no_padding()
            self._opened, self._process = (session, tokenizer), os.getpid()
        return self._opened
