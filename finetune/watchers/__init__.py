"""Those who look on while a model trains (``watch.py`` says what they are told).

logs.py      metrics.jsonl and timings.jsonl
live.py      the view in the terminal; plain lines where there is none
board.py     TensorBoard and Weights & Biases
samples.py   the model talks on held-out calls every so many steps
report.py    loss.png and report.md
speed.py     what a step costs: operations, share of the GPU's peak
"""

from __future__ import annotations

from finetune.config import Config
from finetune.parallel import World
from finetune.watch import Watcher


def watchers(config: Config, world: World) -> list[Watcher]:
    """Who looks on at a run. Samples need every rank; all others write or draw, on the main one alone."""
    from finetune.watchers.board import TensorBoard, WeightsAndBiases
    from finetune.watchers.live import view
    from finetune.watchers.logs import RunLog
    from finetune.watchers.report import Report
    from finetune.watchers.samples import Samples

    samples: list[Watcher] = [Samples()] if config.samples.every else []
    if not world.is_main:
        return samples
    boards: list[Watcher] = []
    if config.watch.tensorboard:
        boards.append(TensorBoard())
    if config.watch.wandb:
        boards.append(WeightsAndBiases(config.watch.wandb))
    return [RunLog(), *boards, *samples, Report(), view()]
