"""One round trip in which a host tells what a preflight looks at. It only reads."""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.capra.machine.plugins.plugin_utils import preflight
from ansible_collections.capra.machine.plugins.plugin_utils.frame import framed
from ansible_collections.capra.machine.plugins.plugin_utils.refusal import Refusal, refusal, telling
from ansible_collections.capra.machine.plugins.plugin_utils.session import Session, SessionError

UTILITIES = Path(preflight.__file__).parent
PROGRAM = (UTILITIES / "host.sh", UTILITIES.parents[1] / "roles" / "preflight" / "files" / "preflight.sh")


def ask(session: Session) -> tuple[dict[str, str], float]:
    """The facts, and the seconds by which the host's clock is ahead. Raises SessionError."""
    before = time.time()
    answer = session.ask(b"".join(part.read_bytes() for part in PROGRAM))
    after = time.time()
    if framed(answer.stdout) is None:
        raise SessionError(refusal(answer))
    facts = preflight.parse(answer.stdout)
    if facts is None:
        cut = Refusal("no_report", f"the checks were cut off on the host (status {answer.rc}): {telling(answer)}")
        raise SessionError(cut)
    return facts, preflight.clock_skew(facts, before, after)
