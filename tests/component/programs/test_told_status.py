"""An exit status is told in the same words on the host as on the control node."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import results
from tests.component.programs.host import SHELLS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("shell", sorted(SHELLS))
@pytest.mark.parametrize("program", ["roles/k0s_cleanup/files/host.sh", "plugins/plugin_utils/services.sh"])
def test_the_same_words(shell: str, program: str) -> None:
    _, begin, rest = (ROOT / program).read_text().partition("tell_status() {\n")
    function = begin + rest.partition("\n}\n")[0] + "\n}\n"
    loop = 'n=0; while [ "$n" -lt 256 ]; do tell_status "$n"; echo "$TOLD"; n=$((n + 1)); done'
    said = subprocess.run([*SHELLS[shell], "-c", function + loop], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [results.told_status(rc) for rc in range(256)]
