"""The dataset card: README.md in the work folder and beside the codes, so that ``load_dataset`` opens either.

Its YAML head says what ``datasets`` is to load; its text has counts, hashes and duties. It is a function of the tables
alone, so the same tables give the same card. What comes from labels and names is untrusted and escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fisherprep.dataset.facts import Facts, facts_of, hours, made_with
from fisherprep.manifest import Manifest
from fisherprep.schema import FRAME_RATE_HZ, SCHEMA_VERSION
from fisherprep.workfolder import WorkFolder

CARD = "README.md"
MARK = "<!-- written by fisherprep encode; a README.md without this line is left as it is -->"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_ESCAPES = {ord(mark): f"&#{ord(mark)};" for mark in "\\`*_[]|#<>&"}
_SPLIT_NAMES = {"train": "train", "valid": "validation", "test": "test"}
"""Our splits, as ``datasets`` names them."""
_BATCHES = {"batch_size": 1}
"""Rows read at once: a call, as in a row group. Said, because ``datasets`` takes it from a file's first row group, and
fails where a shard has no rows."""
_VOICES_AT_ONCE = 100

_LDC_DUTIES = """
**Derived from LDC data. Do not redistribute.** Codes, text tokens and prompts are derived from Fisher English
(LDC2004S13, LDC2004T19, LDC2005S13, LDC2005T19), which the Linguistic Data Consortium licenses: speech and text can
be recovered from them. Whoever holds them needs a licence of their own. They must not go to a public repository of
any hub, in whole or in part. `fisherprep push` refuses that; `push_to_hub` of `datasets` does not know of it, so do
not use it on this data without `private=True`. Speakers are known by number and must stay so.
"""
_OTHER_DUTIES = """
The licence of the recordings, scripts and voices that this was made from holds for the codes too. `fisherprep push
--public` asks for a manifest that states a `license` and `redistribute: true`; `push_to_hub` of `datasets` asks
nothing.
"""


def write_card(work: WorkFolder, manifest: Manifest | None = None) -> list[Path]:
    """Write the card into the work folder and into its codes folder; returns what was written.

    A README.md that somebody else wrote is left as it is. Call it where no other command writes to the folder.

    Raises:
        ValueError: there is no codes table, or a file cannot be read.
    """
    facts = facts_of(work)
    written = []
    with work.lock("encode"):
        for folder in ("", "codes"):
            relative = f"{folder}/{CARD}" if folder else CARD
            if is_foreign(work.path / relative):
                continue
            text = card(work.name, facts, folder, manifest)
            if not _holds(work.path / relative, text):
                written.append(work.write_text(relative, text))
    return written


def is_foreign(file: Path) -> bool:
    """Whether somebody else wrote this README.md."""
    return file.exists() and MARK not in file.read_text(encoding="utf-8", errors="replace")


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_bytes() == text.encode()


def card(name: str, facts: Facts, folder: str = "", manifest: Manifest | None = None) -> str:
    """The card's text, for the work folder or (``folder``) the folder of a table."""
    import yaml

    head = yaml.safe_dump(_head(name, facts, folder, manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{MARK}\n\n{_body(name, facts)}"


def _head(name: str, facts: Facts, folder: str, manifest: Manifest | None) -> dict[str, Any]:
    codes = "*.parquet" if folder else "codes/*.parquet"
    configs: list[dict[str, Any]] = [
        {"config_name": "codes", "default": True, "data_files": [{"split": "train", "path": codes}], **_BATCHES}
    ]
    for split, their_name in _SPLIT_NAMES.items():
        if facts.calls[split]:
            chosen = [{"split": their_name, "path": codes}]
            configs.append(
                {"config_name": split, "data_files": chosen, "filters": [["split", "==", split]], **_BATCHES}
            )
    if facts.voices and not folder:
        voices = [{"split": "train", "path": "voices/*.parquet"}]
        configs.append({"config_name": "voices", "data_files": voices, "batch_size": _VOICES_AT_ONCE})
    tags = ["speech", "full-duplex", "dialogue", "mimi", "moshi", "personaplex", "audio-codes"]
    return {
        "pretty_name": f"{name}: Mimi codes, text tokens and persona prompts",
        "language": ["en"],
        **_licence(facts, manifest),
        "size_categories": [next((size for limit, size in _SIZES if facts.num_calls < limit), "n>1M")],
        "task_categories": ["audio-to-audio"],
        "tags": [
            *tags,
            *(["toy"] if facts.toy else []),
            *(["ldc", "not-for-redistribution"] if facts.from_ldc else []),
        ],
        "configs": configs,
    }


def _licence(facts: Facts, manifest: Manifest | None) -> dict[str, str]:
    if facts.from_ldc:
        link = "https://catalog.ldc.upenn.edu/LDC2004S13"
        return {"license": "other", "license_name": "ldc-user-agreement", "license_link": link}
    return {"license": manifest.license if manifest and manifest.license else "other"}


def _body(name: str, facts: Facts) -> str:
    parts = [
        f"# {_text(name)}",
        f"Two-channel dialogues as Mimi codes ({FRAME_RATE_HZ} frames a second, 8 codebooks a side), text tokens on "
        "the same frames and persona prompts for either side as the agent, for training PersonaPlex and Moshi.",
    ]
    if facts.toy:
        parts.append("**The codec is a toy.** These codes are for tests: no sound comes back from them.")
    parts += [
        "## What is in it",
        _table(("split", "calls", "hours of two-channel audio"), _split_rows(facts)),
        _table(("", ""), _counts(facts)),
        "## How to read it",
        _HOW_TO_READ,
        "## How it was made",
        _made(facts),
        "## Duties",
        (_LDC_DUTIES if facts.from_ldc else _OTHER_DUTIES).strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_HOW_TO_READ = """
```python
from datasets import load_dataset

calls = load_dataset(FOLDER)["train"]                  # every call; the column `split` says what each is for
valid = load_dataset(FOLDER, "valid")["validation"]    # the calls of one split: "train", "valid" or "test"
voices = load_dataset(FOLDER, "voices")["train"]       # candidate voice prompts
stream = load_dataset(FOLDER, streaming=True)["train"]
arrays = calls.with_format("numpy", columns=["codes_a", "codes_b", "text_a", "text_b"], dtype="int16")
```

`datasets` calls a set of files without splits of its own `train`: **the default configuration holds calls of every
split**, held-out ones too. Train on the configuration `train`. Calls whose split is `excluded` share a speaker with
held-out calls.

`codes_a` and `codes_b` are `[8, T]`, `text_a` and `text_b` `[T]`: 3 is padding, 0 the frame before a word, -1 a frame
whose text is not known and takes no part in the loss. A row group of the Parquet files holds one call.
""".strip()


def _split_rows(facts: Facts) -> Iterable[tuple[str, ...]]:
    for split, calls in sorted(facts.calls.items()):
        yield split, f"{calls:,}", f"{hours(facts.frames[split]):,.2f}"
    yield "all", f"{facts.num_calls:,}", f"{hours(facts.frames.total()):,.2f}"


def _counts(facts: Facts) -> list[tuple[str, ...]]:
    return [
        ("speakers", f"{len(facts.speakers):,}"),
        ("agent", _listed(facts.agents)),
        ("prompts", f"{facts.prompts:,}"),
        ("voice prompts", f"{facts.voices:,}"),
        ("labelled by (sides of calls)", _listed(facts.labelers) or "nobody"),
        ("tones (sides of calls)", _listed(facts.tones) or "none"),
        ("bytes", f"{facts.num_bytes:,}"),
    ]


def _made(facts: Facts) -> str:
    """What the rows' provenance says, a table for each way in which rows were made."""
    told = [f"Tables of schema version {SCHEMA_VERSION}. Content of all files: `{facts.fingerprint}`."]
    for text in sorted(facts.provenance):
        told.append(_table(("", ""), [(key, str(value)) for key, value in sorted(made_with(text).items())]))
    return "\n\n".join(told)


def _table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [names, ("---",) * len(names), *(tuple(_text(cell) for cell in row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _text(value: str) -> str:
    """Untrusted text in a cell: on one line, without anything that Markdown or HTML would act on."""
    return " ".join(value.split()).translate(_ESCAPES)
