"""The ``fisherprep`` command: a group of the commands in `fisherprep.commands`, and how their errors are shown."""

from __future__ import annotations

import os
from typing import Any

import click

from fisherprep import __version__
from fisherprep.commands.align import align
from fisherprep.commands.check import check
from fisherprep.commands.demo_corpus import demo_corpus
from fisherprep.commands.encode import encode
from fisherprep.commands.export import export
from fisherprep.commands.ingest import ingest
from fisherprep.commands.label import label
from fisherprep.commands.listen import listen
from fisherprep.commands.prompts import prompts
from fisherprep.commands.push import push
from fisherprep.commands.scripts import scripts
from fisherprep.commands.synthesize import synthesize
from fisherprep.commands.timing import timing


class _CleanErrors(click.Group):
    """Turns errors about data and files into one clear message and exit status 1.

    FISHERPREP_TRACEBACK=1 in the environment shows where in the code the error arose.
    """

    def invoke(self, ctx: click.Context) -> Any:
        from fisherprep.engine import WorkerDied

        try:
            return super().invoke(ctx)
        except (ValueError, OSError, WorkerDied) as err:
            if os.environ.get("FISHERPREP_TRACEBACK"):
                raise
            raise click.ClickException(str(err)) from err


@click.group(cls=_CleanErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Prepare LDC Fisher and domain dialogues for fine-tuning PersonaPlex/Moshi.

    \b
    The way through:
      fisherprep ingest /ldc/fisher          conversations and turns
      fisherprep align                       word times
      fisherprep label --model NAME          persona prompts
      fisherprep encode                      Mimi codes and text tokens
      python -m finetune.run --mix fisher:0.7,coffee:0.3
    """


for command in (
    ingest, align, label, prompts, encode, synthesize, scripts, demo_corpus, timing, listen, check, export, push,
):  # fmt: skip
    main.add_command(command)
