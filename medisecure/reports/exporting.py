"""Making an export: the list as its asker sees it now, row by row into a file on disk, and from there to storage."""

from __future__ import annotations

from medisecure.kernel.errors import NotFound, Refused
from medisecure.reports import store
from medisecure.reports.access import EXPORT
from medisecure.reports.lists import AdminList
from medisecure.reports.rows import chunks
from medisecure.reports.running import Run
from medisecure.reports.sheets import sheet


def make(run: Run) -> None:
    """Raises `Refused` when the asker may not see or export the list any more, `TooManyRows` for one sheet."""
    parameters = run.job.parameters
    if not run.actor.has_perm(EXPORT):
        raise Refused
    shown = AdminList(run.actor, run.job.subject, parameters["query"])
    titles = {column.name: column.title for column in shown.columns()}
    names = [name for name in parameters["columns"] if name in titles]
    if not names:
        raise NotFound
    rows = shown.rows()
    # Without the order, which the count would otherwise sort by.
    total = rows.order_by().count()
    run.step(1, 0, now=True)
    read, done = shown.reader(names), 0
    store.forget_scratch()
    with store.scratch() as file:
        with sheet(parameters["format"], file) as written:
            written.write([titles[name] for name in names])
            for piece in chunks(rows):
                for cells in read(piece):
                    written.write(cells)
                done += len(piece)
                run.step(1 + 94 * done // max(total, done), done)
        run.step(96, done, now=True)
        run.job.rows = done
        run.put(parameters["format"], file)
