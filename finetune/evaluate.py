"""Evaluate a run on held-out calls, the base model beside the fine-tuned one.

\b
    python -m finetune.evaluate runs/fisher-coffee --split test

Three questions, three tables: the held-out loss of every stream; how much the loss rises when prompts are exchanged
(a model that reads its prompt suffers); and turn-taking, by Full-Duplex-Bench's definitions, when the model talks
through moments of the calls. Windows, moments and prompts are the same for both models and for every run over the
same tables. Also written to RUN/evaluate-SPLIT.json.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.config import Config
from finetune.errors import clean_exit, usage_error
from finetune.heldout import held_out_losses

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

    from finetune.checkpoints import BaseModel
    from finetune.data.windows import WindowSource
    from finetune.turns.talks import Decode, Task

DEFAULT_TURNS = 32
"""Moments of each kind and dataset."""


@dataclass(frozen=True)
class _Exam:
    """What both models are asked."""

    config: Config
    base: BaseModel
    sources: dict[str, WindowSource]
    tasks: dict[str, list[Task]]
    begins_word: Callable[[int], bool]
    decode: Decode | None
    batch_size: int

    def take(self, model: LMModel, say: Callable[[str], None]) -> dict[str, Any]:
        """Losses, prompt sensitivity and turn-taking of a model."""
        from finetune.sensitivity import prompt_sensitivity
        from finetune.turns.talks import turn_taking

        say("held-out loss")
        answers: dict[str, Any] = {"losses": held_out_losses(model, self.sources, self.config)}
        texts = self.base.prompt_texts()
        say("prompt sensitivity")
        answers["prompts"] = prompt_sensitivity(model, self.sources, texts, self.config)
        answers["turns"] = {}
        for name, tasks in self.tasks.items():
            say(f"turn-taking on {len(tasks)} moments of {name}")
            answers["turns"][name] = turn_taking(
                model,
                self.sources[name],
                texts,
                tasks,
                begins_word=self.begins_word,
                decode=self.decode,
                batch_size=self.batch_size,
            )
        return answers


def evaluate(
    run: Path, config: Config, split: str, turns: int = DEFAULT_TURNS, batch_size: int = 16, best: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Examine the base model and a checkpoint of the run on ``split``; also written to the run's folder.

    Args:
        turns: moments of each kind and dataset; 0 leaves turn-taking out.
        batch_size: moments that the model talks through at once.
        best: the checkpoint with the lowest held-out loss instead of the newest.

    Raises:
        ValueError: the run has no checkpoint, its base model is another now, no dataset has calls of the split, or
            something cannot be read.
    """
    from finetune import run_folder, state
    from finetune.data.sources import open_held_out
    from finetune.device import pick_device
    from finetune.heldout import best_checkpoint
    from finetune.metrics import write_json
    from finetune.model.build import build_model, load_trained
    from finetune.model.result import open_result

    checkpoint = best_checkpoint(run) if best else run_folder.newest(run)
    device = pick_device(config.device)
    need = ("moshi", "tokenizer", *(("mimi",) if turns else ()))
    base = open_result(str(checkpoint), need, config.model.checkpoint).base
    sources, missing = open_held_out(config.data, split, base, base.prompt_texts())
    if not sources:
        raise ValueError("; ".join(missing))
    exam = _set_exam(config, base, sources, turns, batch_size, device)
    model = build_model(base, config.model, device)
    before = exam.take(model, lambda line: say(f"base: {line}"))
    load_trained(model, state.read_weights(checkpoint), str(checkpoint))
    after = exam.take(model, lambda line: say(f"fine-tuned: {line}"))
    result = {
        "split": split,
        "base": base.files.label,
        "toy": base.files.toy,
        "checkpoint": checkpoint.name,
        **{what: {"base": before[what], "fine_tuned": after[what]} for what in before},
        "left_out": missing,
    }
    write_json(run / f"evaluate-{split}.json", result)
    return result


def _set_exam(
    config: Config, base: BaseModel, sources: dict[str, WindowSource], turns: int, batch_size: int, device: torch.device
) -> _Exam:
    from finetune.turns.talks import choose, word_starts

    begins_word = word_starts(base.tokenizer())
    tasks = {name: choose(source, turns, begins_word) for name, source in sources.items()} if turns else {}
    tasks = {name: found for name, found in tasks.items() if found}
    decode = _decoder(base, device) if tasks and not base.files.toy else None  # a toy codec's sound is no speech
    return _Exam(config, base, sources, tasks, begins_word, decode, batch_size)


def _decoder(base: BaseModel, device: torch.device) -> Decode:
    from finetune.sound import load_codec, speak
    from fisherprep.schema import FRAME_SAMPLES

    mimi = load_codec(base, device)
    return lambda codes: speak(mimi, codes, codes.shape[1] * FRAME_SAMPLES)


@click.command(help=__doc__)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["valid", "test"]), default="valid", show_default=True)
@click.option(
    "--windows", type=click.IntRange(min=1), help="At most so many windows of each dataset [default: as in the run]."
)
@click.option(
    "--turns",
    type=click.IntRange(min=0),
    default=DEFAULT_TURNS,
    show_default=True,
    help="Moments of each kind (turn, pause, backchannel, interruption) and dataset; 0: no turn-taking.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True, help="Moments at once.")
@click.option("--best", is_flag=True, help="The checkpoint with the lowest held-out loss instead of the newest.")
@click.option("--data-root", help="Where the work folders are now [default: as in the run].")
@click.option("--checkpoint", help="Where the base model is now [default: as in the run].")
@click.option("--device", help="auto, cpu, cuda or cuda:N [default: as in the run].")
def main(
    run: Path,
    split: str,
    windows: int | None,
    turns: int,
    batch_size: int,
    best: bool,
    data_root: str | None,
    checkpoint: str | None,
    device: str | None,
) -> None:
    from rich.console import Console

    from finetune.device import pick_device
    from finetune.exam_tables import tables
    from finetune.run_folder import saved_config

    given = {"heldout.windows": windows, "data.root": data_root, "model.checkpoint": checkpoint, "device": device}
    with usage_error():
        config = saved_config(run, {key: value for key, value in given.items() if value is not None})
    with usage_error("--device"):
        pick_device(config.device)
    errors = Console(stderr=True, highlight=False)
    with clean_exit(), errors.status("reading") as status:
        result = evaluate(run, config, split, turns, batch_size, best, say=lambda line: status.update(line))
    click.echo(f"base: {result['base']}; fine-tuned: {run}, {result['checkpoint']}")
    console = Console(width=None if sys.stdout.isatty() else 100)
    for table in tables(result):
        console.print(table)
    for line in result["left_out"]:
        click.echo(f"left out: {line}", err=True)
    click.echo(f"written to {run / f'evaluate-{split}.json'}")


if __name__ == "__main__":
    main()
