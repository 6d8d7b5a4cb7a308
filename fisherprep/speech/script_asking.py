"""Having a model write the dialogues that a domain's grammar drafted: asks, keeps the answers, writes script files.

In the folder: ``train``, ``valid`` and ``test`` with a text file for each dialogue, which is there as soon as it passes
its checks; ``.answers`` with every reply that came, by request, so that nothing is asked twice; ``dropped.jsonl`` with
what could not be written, and why. Dialogues of script files are copied as they are: people wrote them.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fisherprep.llm.cache import AnswerFile, Reply
from fisherprep.llm.client import AllServersLost, ServerPool, Traffic
from fisherprep.llm.request import Pending
from fisherprep.llm.servers import Connect, Servers
from fisherprep.llm.settings import Limits, Plan
from fisherprep.manifest import Manifest
from fisherprep.speech.dialogues import domain_of
from fisherprep.speech.llm_scripts import Writing, Written, brief_of, dialogue_of
from fisherprep.speech.planned import GRAMMAR, Dialogue, Dropped, Planned
from fisherprep.speech.script_files import script_targets, write_script
from fisherprep.speech.scripts import Problem

ANSWERS = ".answers"
_DROPPED = "dropped.jsonl"


@dataclass
class Outcome:
    """What a run of `write_dialogues` did."""

    counters: Counter[str] = field(default_factory=Counter)
    dropped: list[Dropped] = field(default_factory=list)
    """dialogues without an answer that could be used, by id, each with what was wrong with the last one"""
    traffic: Traffic = field(default_factory=Traffic)
    stopped: str | None = None
    """why dialogues were left for another run: all servers were lost"""


@dataclass
class _Draft:
    """A drafted dialogue and the exchange about the one to be written in its place."""

    dialogue: Dialogue
    writing: Writing
    step: Pending | Written


def write_dialogues(
    manifest: Manifest, planned: Planned, plan: Plan, limits: Limits, connect: Connect, folder: Path
) -> Outcome:
    """Have a model write what the plan's grammar drafted, and bring ``folder`` up to date with it.

    Args:
        manifest: a dataset with a ``domain``.
        planned: its dialogues.
        plan: the model and its sampling.
        limits: concurrency, timeouts and tries.
        connect: finds or starts the servers; called only when something is to be asked.
        folder: where the files go.

    Raises:
        ValueError: nothing was drafted, the context is too short, the folder holds other scripts, no server could be
            had, or no dialogue at all could be used.
    """
    what = str(manifest.path or manifest.name)
    domain = domain_of(manifest)
    drafted = [d for d in planned.dialogues if d.source == GRAMMAR]
    if not drafted:
        raise ValueError(
            f"{what}: nothing for a model to write: found dialogues of script files only; expected 'facts' and a "
            "'grammar', whose drafts give the model facts and scenario, as manifests/coffee.yaml has them"
        )
    run = _Run(
        AnswerFile(folder / ANSWERS / f"{manifest.name}.jsonl"), script_targets(planned.dialogues, folder), limits
    )
    drafts = [run.open(d, Writing(brief_of(d, domain), planned.checker, plan)) for d in drafted]
    for dialogue in planned.dialogues:
        if dialogue.source != GRAMMAR:
            run.copy(dialogue)
    run.follow(drafts, connect)
    outcome = run.outcome
    outcome.dropped.sort(key=lambda d: d.call_id or "")  # whatever the order of the answers
    _note_dropped(outcome.dropped, folder / _DROPPED)
    if len(outcome.dropped) == len(drafts):
        first = outcome.dropped[0].problem
        raise ValueError(
            f"{what}: none of {len(drafts)} dialogues could be used; the first, {first.place}: "
            f"{outcome.dropped[0].reason}, found {first.found!r}, expected {first.expected}; {first.fix}"
        )
    return outcome


class _Run:
    """The exchanges of a run, from the answers that are there to the files."""

    def __init__(self, file: AnswerFile, targets: dict[str, Path], limits: Limits) -> None:
        self.file, self.targets, self.limits = file, targets, limits
        self.replies = file.answered()
        self.outcome = Outcome()

    def open(self, dialogue: Dialogue, writing: Writing) -> _Draft:
        """Where the exchange about a dialogue stands."""
        return _Draft(dialogue, writing, writing.step(self.replies))

    def copy(self, dialogue: Dialogue) -> None:
        """Write the file of a dialogue that people wrote."""
        write_script(dialogue, self.targets[dialogue.call_id])
        self.outcome.counters["dialogues from scripts, as they are"] += 1

    def follow(self, drafts: list[_Draft], connect: Connect) -> None:
        """Follow all exchanges to their ends, or until all servers are lost."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        still_open = [draft for draft in drafts if isinstance(draft.step, Pending)]
        for draft in drafts:
            if isinstance(draft.step, Written):
                self._settle(draft.dialogue, draft.step)
                self.outcome.counters["dialogues answered before"] += 1
        if not still_open:
            return
        columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TextColumn("dialogues"))
        times = (TimeElapsedColumn(), TimeRemainingColumn())
        with connect() as servers, Progress(*columns, *times, console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=len(drafts), completed=len(drafts) - len(still_open))
            asyncio.run(self._ask(still_open, servers, lambda: progress.advance(task)))

    async def _ask(self, drafts: list[_Draft], servers: Servers, advance: Callable[[], None]) -> None:
        async with ServerPool(servers.endpoints, self.limits) as pool:
            self.outcome.traffic = pool.traffic
            line = iter(drafts)
            num_tasks = min(pool.slots, len(drafts))
            tasks = [asyncio.create_task(self._converse(line, pool, advance)) for _ in range(num_tasks)]
            try:
                await asyncio.gather(*tasks)
            except AllServersLost as lost:
                self.outcome.stopped = servers.post_mortem() or str(lost)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _converse(self, line: Iterator[_Draft], pool: ServerPool, advance: Callable[[], None]) -> None:
        """Take one dialogue after another and follow its exchange to the end."""
        for draft in line:
            while isinstance(draft.step, Pending):
                self._keep(draft.step.key, await pool.ask(draft.step.body))
                draft.step = draft.writing.step(self.replies)
            self._settle(draft.dialogue, draft.step)
            advance()

    def _keep(self, key: str, reply: Reply) -> None:
        """Add a reply, on disk first."""
        self.file.append(key, reply)
        self.replies[key] = reply

    def _settle(self, drafted: Dialogue, written: Written) -> None:
        """Write the file of an exchange that has ended, or note why there is none."""
        counters, target = self.outcome.counters, self.targets[drafted.call_id]
        counters["answers: asked again"] += written.asked - 1
        if dialogue := dialogue_of(written, drafted):
            write_script(dialogue, target)
            counters["dialogues written by the model"] += 1
            return
        target.unlink(missing_ok=True)  # of an earlier run with another model
        first = written.problems[0]
        place = f"{drafted.call_id}, turn {first.line}" if first.line else drafted.call_id
        problem = Problem(place, first.found, first.expected, first.fix)
        self.outcome.dropped.append(Dropped(drafted.call_id, first.reason, problem))


def _note_dropped(dropped: list[Dropped], file: Path) -> None:
    """One line of JSON for each, which may quote the model: escaped, as ASCII."""
    lines = [json.dumps({"call_id": d.call_id, "reason": d.reason, **asdict(d.problem)}) + "\n" for d in dropped]
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    unfinished.write_text("".join(lines), encoding="utf-8")
    unfinished.replace(file)
