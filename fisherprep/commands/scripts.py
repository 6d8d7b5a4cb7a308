"""``fisherprep scripts``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import FOLDER, strict_option


@click.command()
@click.argument("manifest", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", type=FOLDER, help="Folder for one text file a dialogue.  [default: print them]")
@click.option("--dialogues", type=click.IntRange(min=1), help="How many dialogues.  [default: the manifest's]")
@click.option("--seed", type=int, help="Another seed gives other dialogues.  [default: the manifest's]")
@strict_option
def scripts(manifest: Path, out: Path | None, dialogues: int | None, seed: int | None, strict: bool) -> None:
    """Write a domain's dialogues as text, without speaking them: to be read, corrected and used as script files.

    \b
    Example:
      fisherprep scripts manifests/coffee.yaml --dialogues 3
      fisherprep scripts manifests/coffee.yaml --dialogues 200 --out drafts
    """
    from collections import Counter

    from fisherprep.commands.summary import print_rows
    from fisherprep.manifest import load_manifest
    from fisherprep.speech.dialogues import domain_of, plan_dialogues
    from fisherprep.speech.script_files import script_text, write_scripts

    loaded = load_manifest(manifest)
    domain = domain_of(loaded)
    planned = plan_dialogues(loaded, dialogues or domain.dialogues, domain.seed if seed is None else seed)
    dropped = Counter(d.reason for d in planned.dropped)
    rows = [(name, f"{value:,}") for name, value in sorted(planned.counters.items())]
    rows += [(f"dropped: {reason}", f"{n:,}") for reason, n in sorted(dropped.items())]
    if out is None:
        for dialogue in planned.dialogues:
            click.echo(f"# {dialogue.call_id} ({dialogue.split})\n{script_text(dialogue)}")
    else:
        write_scripts(planned.dialogues, out)
        print_rows(str(out), rows)
    if strict and dropped:
        d = planned.dropped[0]
        raise click.ClickException(
            f"{sum(dropped.values())} dropped (--strict); the first, {d.problem.place}: {d.reason}, "
            f"found {d.problem.found!r}, expected {d.problem.expected}"
        )
