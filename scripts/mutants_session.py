"""What cosmic-ray has no command for: a sample of a session's mutants, and a line that counts only what was run.

`mutants_session.py sample SESSION COUNT` skips all but so many of those that are to be run, always the same;
`mutants_session.py told SESSION` says how many were run and survived.
"""

from __future__ import annotations

import random
import sys

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

SEED = 1


def sample(session: WorkDB, count: int) -> None:
    """A session that has begun keeps its sample."""
    if any(result.worker_outcome is not WorkerOutcome.SKIPPED for _, result in session.results):
        return
    pending = sorted(session.pending_work_items, key=lambda item: str(item.mutations))
    kept = {item.job_id for item in random.Random(SEED).sample(pending, min(count, len(pending)))}  # noqa: S311
    for item in pending:
        if item.job_id not in kept:
            session.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def told(session: WorkDB) -> str:
    """One line."""
    outcomes = [result.test_outcome for _, result in session.results if result.worker_outcome != WorkerOutcome.SKIPPED]
    survived = outcomes.count(TestOutcome.SURVIVED)
    return f"{len(outcomes)} of {session.num_work_items} mutants run: {survived} survived"


def main() -> int:
    """Run one of the commands."""
    command, path, *more = sys.argv[1:]
    with use_db(path, WorkDB.Mode.open) as session:
        if command == "sample":
            sample(session, int(more[0]))
        else:
            print(told(session))
    return 0


if __name__ == "__main__":
    sys.exit(main())
