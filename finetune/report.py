"""Write a run's report (RUN/report.md, RUN/loss.png) from its logs, also while it runs.

\b
    python -m finetune.report runs/fisher-coffee
"""

from __future__ import annotations

from pathlib import Path

import click

from finetune.errors import clean_exit


@click.command(help=__doc__)
@click.argument("run", type=click.Path(path_type=Path))
def main(run: Path) -> None:
    from finetune.watchers.report import write_report

    with clean_exit():
        click.echo(f"written to {write_report(run)}")


if __name__ == "__main__":
    main()
