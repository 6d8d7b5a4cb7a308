"""``fisherprep prompts``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import work_argument


@click.command()
@work_argument
@click.option("--call", "call_id", required=True, metavar="ID", help="The call, as the tables name it (fe_03_NNNNN).")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a web page instead of printing."
)
def prompts(work: Path, data_root: Path, call_id: str, page: Path | None) -> None:
    """Show a call's transcript beside its prompts, each fact with the turns that prove it.

    A2 beside a turn says that it proves the second fact of side A. Facts that were dropped are listed with the reason
    (docs/labels.md).

    \b
    Example:
      fisherprep prompts data/fisher --call fe_03_00001
    """
    from fisherprep.label.show import as_html, for_terminal, read_call
    from fisherprep.workfolder import WorkFolder

    shown = read_call(WorkFolder.open(work), call_id)
    if page is not None:
        try:
            page.write_text(as_html(shown), encoding="utf-8")
        except OSError as err:
            raise click.ClickException(
                f"{page}: cannot be written ({err.strerror}); give --html a file in a folder that exists and is yours"
            ) from err
        click.echo(f"wrote {page}")
        return
    from rich.console import Console

    console = Console()
    console.print(for_terminal(shown, console.width))
