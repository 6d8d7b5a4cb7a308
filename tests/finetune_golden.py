"""The tiny model that the golden results were made with (golden_model/README.md), as a checkpoint folder."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

from safetensors.torch import save_file

import finetune  # noqa: F401  (before moshi: it says that nothing is to be compiled)
from finetune.model.keys import fuse_attention

GOLDEN = Path(__file__).parent / "golden_model"
sys.path.insert(0, str(GOLDEN))
import world as tiny  # noqa: E402

__all__ = ["GOLDEN", "tiny", "write_golden_checkpoint"]


def write_golden_checkpoint(folder: Path) -> Path:
    """The golden model in fp32 with fused keys, its codec and its tokenizer."""
    from moshi.models.lm import LMModel
    from moshi.models.loaders import get_mimi

    folder.mkdir()
    save_file(tiny.fill(fuse_attention(LMModel(**tiny.LM).state_dict())), folder / "model.safetensors")
    mimi = get_mimi(None, tiny.MIMI, num_codebooks=8)
    save_file(tiny.fill(fuse_attention(mimi.state_dict())), folder / "tokenizer-e351c8d8-checkpoint125.safetensors")
    tokenizer = base64.decodebytes((GOLDEN / "tokenizer.b64").read_bytes())
    (folder / "tokenizer_spm_32k_3.model").write_bytes(tokenizer)
    (folder / "mimi_config.json").write_text(json.dumps(tiny.MIMI))
    (folder / "config.json").write_text(json.dumps({**tiny.LM, "mimi_config_name": "mimi_config.json"}))
    return folder
