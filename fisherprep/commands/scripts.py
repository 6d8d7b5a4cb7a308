"""``fisherprep scripts``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fisherprep.commands.model_options import MODEL_OPTIONS, ModelChoice, given, model_options, refuse
from fisherprep.commands.options import FOLDER, strict_option
from fisherprep.commands.summary import SHOWN, print_rows, tell_dropped

if TYPE_CHECKING:
    from fisherprep.manifest import Manifest
    from fisherprep.speech.planned import Dropped, Planned
    from fisherprep.speech.script_asking import Outcome

_TEMPERATURE = 0.8
"""Dialogues shall differ, and are checked; labels (`Plan.temperature`) shall keep to what was said."""


@click.command()
@click.argument("manifest", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=FOLDER,
    help="Folder for one text file a dialogue; wanted with a model, whose answers it keeps.  [default: print them]",
)
@click.option("--dialogues", type=click.IntRange(min=1), help="How many dialogues.  [default: the manifest's]")
@model_options(
    "dialogues",
    "requests",
    temperature=_TEMPERATURE,
    seed=None,
    seed_help="Another seed gives other dialogues, and other answers of a model.  [default: the manifest's]",
)
@click.option("--all", "whole", is_flag=True, help=f"Name all that was dropped, not only the first {SHOWN}.")
@strict_option
@click.pass_context
def scripts(ctx: click.Context, manifest: Path, out: Path | None, dialogues: int | None, whole: bool,
            strict: bool, **options: Any) -> None:  # fmt: skip
    """Write a domain's dialogues as text, without speaking them: to be read, corrected and used as script files.

    They are drafted from the domain's grammar. With --model or --server a language model writes each anew from its
    draft's facts and scenario; what breaks its own prompt is asked for again, then left out and named. Answers are kept
    in the folder: run the command again to go on where it was stopped. Servers that want a key get that of
    FISHERPREP_API_KEY or OPENAI_API_KEY.

    \b
    Examples:
      fisherprep scripts manifests/coffee.yaml --dialogues 3
      fisherprep scripts manifests/coffee.yaml --dialogues 200 --out drafts
      fisherprep scripts manifests/coffee.yaml --out written --model openai/gpt-oss-120b
      fisherprep scripts manifests/coffee.yaml --out written --server http://127.0.0.1:8000
    """
    choice = _choice(ctx, out, options)

    from fisherprep.manifest import load_manifest
    from fisherprep.speech.dialogues import domain_of, plan_dialogues

    loaded = load_manifest(manifest)
    domain = domain_of(loaded)
    seed = domain.seed if options["seed"] is None else options["seed"]
    planned = plan_dialogues(loaded, dialogues or domain.dialogues, seed)
    if choice and out:
        _write_with_model(loaded, planned, choice, seed, out, whole, strict)
    else:
        _write_drafts(planned, out, whole)
    _refuse_dropped(planned.dropped, strict)


def _choice(ctx: click.Context, out: Path | None, options: dict[str, Any]) -> ModelChoice | None:
    """The model that the options name; None where they name none."""
    if not options["model"] and not options["server"]:
        refuse(given(ctx, MODEL_OPTIONS - {"seed"}), "without --model or --server")
        return None
    choice = ModelChoice.of(ctx, options)
    if out is None:
        raise click.UsageError("a model's dialogues and answers need a folder to be kept in: give --out FOLDER")
    return choice


def _write_drafts(planned: Planned, out: Path | None, whole: bool) -> None:
    from fisherprep.speech.script_files import script_text, write_scripts

    _show_dropped(planned.dropped, whole)
    if out is None:
        for dialogue in planned.dialogues:
            click.echo(f"# {dialogue.call_id} ({dialogue.split})\n{script_text(dialogue)}")
        return
    write_scripts(planned.dialogues, out)
    rows = [(name, f"{value:,}") for name, value in sorted(planned.counters.items())]
    reasons = Counter(d.reason for d in planned.dropped)
    print_rows(str(out), rows + [(f"dropped: {reason}", f"{n:,}") for reason, n in sorted(reasons.items())])


def _write_with_model(
    manifest: Manifest, planned: Planned, choice: ModelChoice, seed: int, out: Path, whole: bool, strict: bool
) -> None:
    from fisherprep.speech.script_asking import ANSWERS, write_dialogues

    plan = choice.plan(seed)
    connect = choice.connect(plan, out / ANSWERS / "vllm.log")
    outcome = write_dialogues(manifest, planned, plan, choice.limits(), connect, out)
    _show_dropped([*planned.dropped, *outcome.dropped], whole)
    print_rows(str(out), _rows(planned, outcome))
    if outcome.stopped:
        raise click.ClickException(
            f"{outcome.stopped}\nall servers are lost, and dialogues are left unwritten; every answer that came, and "
            f"what was written, is kept in {out}: see to the servers and run the same command again"
        )
    _refuse_dropped(outcome.dropped, strict)


def _rows(planned: Planned, outcome: Outcome) -> list[tuple[str, str]]:
    """Counts; of dialogues that could not be written, their names too."""
    traffic = outcome.traffic
    rows = [(name, f"{value:,}") for name, value in sorted(outcome.counters.items())]
    rows += [("requests", f"{traffic.requests:,}"), ("failed requests", f"{traffic.failed:,}")]
    if traffic.requests:
        rows.append(("tokens", f"{traffic.tokens_in:,} in, {traffic.tokens_out:,} out"))
    drafts = Counter(d.reason for d in planned.dropped)
    rows += [(f"drafts dropped: {reason}", f"{n:,}") for reason, n in sorted(drafts.items())]
    named: dict[str, list[str]] = {}
    for dropped in outcome.dropped:
        named.setdefault(dropped.reason, []).append(dropped.call_id or "")
    rows += [(f"dropped: {reason}", f"{len(ids):,}: {', '.join(ids)}") for reason, ids in sorted(named.items())]
    return rows + [(f"server lost: {url}", why) for url, why in traffic.lost.items()]


def _show_dropped(dropped: list[Dropped], whole: bool) -> None:
    problems = [(d.reason, d.problem) for d in dropped]
    told = [(reason, p.place, p.found, p.expected, p.fix) for reason, p in problems]
    tell_dropped(told, whole, "give --all to see them")


def _refuse_dropped(dropped: list[Dropped], strict: bool) -> None:
    """With ``strict``, what was dropped becomes exit status 1."""
    if strict and dropped:
        first = dropped[0]
        raise click.ClickException(
            f"{len(dropped)} dropped (--strict); the first, {first.problem.place}: {first.reason}, "
            f"found {first.problem.found!r}, expected {first.problem.expected}"
        )
