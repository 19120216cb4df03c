"""The table at the end."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from examples.shop.conduct import FEWEST_ORDERS, too_few
from examples.shop.evidence import Evidence
from examples.shop.figures import Figures, count, median_wait
from examples.shop.journal import Killed
from examples.shop.orders import Plan

COLUMNS = (
    "enqueued", "done", "retried", "dead", "run twice", "lost", "p50 wait", "p95 wait", "jobs/s",
)  # fmt: skip
#: One cause may have many effects; the first ones tell enough.
MOST_PROBLEMS = 20


def show(evidence: Evidence, problems: list[str], console: Console) -> None:
    """Print the table, what else was seen, and the first problems."""
    console.print(table_of(evidence))
    for line in remarks(evidence):
        console.print(Text(line), soft_wrap=True)
    for problem in problems[:MOST_PROBLEMS]:
        console.print(Text(f"amiss: {problem}", style="red"), soft_wrap=True)
    if len(problems) > MOST_PROBLEMS:
        console.print(Text(f"amiss: {len(problems) - MOST_PROBLEMS} things more", style="red"))
    console.print("[bold red]FAILED[/]" if problems else "[bold green]all is well[/]")


def table_of(evidence: Evidence) -> Table:
    title = f"The print shop on {evidence.asked.backend}"
    table = Table(title=title, show_footer=True, box=SIMPLE_HEAD, padding=0)
    stories = list(evidence.history.stories.values())
    total = _cells(count(stories))
    table.add_column("task", footer="all")
    for name, cell in zip(COLUMNS, total, strict=True):
        table.add_column(name, footer=cell, justify="right", no_wrap=True)
    for task in dict.fromkeys(story.job.task for story in stories):
        table.add_row(task, *_cells(count(evidence.history.of_task(task))))
    return table


def _cells(figures: Figures) -> list[str]:
    counts = (figures.enqueued, figures.done, figures.retried, figures.dead)
    return [
        *map(str, counts),
        str(figures.run_twice),
        str(figures.lost),
        f"{figures.wait_p50:.2f}",
        f"{figures.wait_p95:.2f}",
        f"{figures.jobs_per_second:.1f}",
    ]


def remarks(evidence: Evidence) -> list[str]:
    return [
        "waits in seconds, from when a job could have begun to when it did",
        who_went_first(evidence),
        *killed(evidence),
        *restarted(evidence),
        f"counted from the files, the mails and the journal in {evidence.out}",
    ]


def who_went_first(evidence: Evidence) -> str:
    few = too_few(evidence)
    if few:
        plans = " and ".join(few)
        return (
            f"not judged: who went first, for there are fewer than {FEWEST_ORDERS} {plans} orders"
        )
    stories = evidence.history.stories.values()
    premium, free = median_wait(stories, Plan.PREMIUM), median_wait(stories, Plan.FREE)
    return f"premium orders waited {premium:.2f} s (median), free ones {free:.2f} s"


def killed(evidence: Evidence) -> list[str]:
    if not evidence.asked.processes:
        name = evidence.asked.backend
        return [f"not on {name}: a worker killed while it holds jobs, for its jobs die with it"]
    return [
        f"worker {event.pid} was killed with {len(evidence.history.held_by(event.pid))} jobs begun,"
        f" which others began again {time_lost(evidence, event):.1f} s later"
        for event in evidence.history.killed
    ]


def restarted(evidence: Evidence) -> list[str]:
    """What was done before the server was killed, and after."""
    runs = [run for story in evidence.history.stories.values() for run in story.runs]
    return [
        f"the {evidence.asked.backend} server was killed and started again when"
        f" {sum(run.started < event.at for run in runs)} of {len(runs)} runs had begun"
        for event in evidence.history.restarts
    ]


def time_lost(evidence: Evidence, killed: Killed) -> float:
    """Seconds until the last job of a killed worker was begun again; NaN if none was."""
    again = [
        min(run.started for run in story.runs if run.started > killed.at)
        for story, _ in evidence.history.held_by(killed.pid)
        if story.runs[-1].started > killed.at
    ]
    return max(again) - killed.at if again else float("nan")
