"""No secret is seen on this side or on the host, during a run or after it, but where it belongs."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.support import TOKEN, Capra, cloud_config, counted, key_secret, machine
from tests.hosts import Host

COMMAND_SECRET = "s3cr3t-in-a-command-0f2d4c6b"


@contextmanager
def process_lists() -> Iterator[list[str]]:
    """Command lines of every process of this machine, test hosts' included, as often as one can look. Environments
    are looked at as well: they are readable to the same user."""
    seen: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            for name in ("cmdline", "environ"):
                for entry in Path("/proc").glob(f"[0-9]*/{name}"):
                    try:
                        seen.add(entry.read_bytes().decode("utf-8", "replace"))
                    except OSError:
                        continue
            stop.wait(0.02)

    thread = threading.Thread(target=look)
    result: list[str] = []
    thread.start()
    try:
        yield result
    finally:
        stop.set()
        thread.join()
        result.extend(seen)


def texts_below(directory: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a directory, with its text."""
    for path in directory.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("utf-8", "replace")


def test_secrets_are_nowhere_to_be_seen(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host, user="ops"), key_secret(host))
    data = capra.data(
        cloud_config(
            [{"path": "/etc/k0s.token", "permissions": "0600", "content": TOKEN}],
            [
                counted("once", "sleep 2"),
                f"echo {COMMAND_SECRET} | sha256sum > /dev/null; sleep 1",
                "cat /etc/k0s.token",  # a careless command prints it
                "cat /etc/k0s.token; exit 3",
            ],
        )
    )
    key = base64.b64decode(key_secret(host)["data"]["value"]).decode()
    secrets = [TOKEN, COMMAND_SECRET, *[line for line in key.splitlines() if len(line) > 30 and "-----" not in line]]
    artifacts = capra.directory / "artifacts"

    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", data, "--verbose", "--artifacts", artifacts)
    with process_lists() as seen:
        done = capra.run(*arguments, code=1)

    assert any("capra.runs.warm.parent" in line for line in seen)  # the look saw the run, a fork of it
    assert any("/var/lib/capra/bootstrap-" in line for line in seen)  # and the host's side of it
    places = {
        "the process list": "\n".join(seen),
        "standard output": done.stdout,
        "standard error": done.stderr,
        **{str(path): text for path, text in texts_below(capra.directory / "state")},
        **{str(path): text for path, text in texts_below(artifacts)},
        **{str(path): text for path, text in texts_below(capra.directory / "home")},
        "the host's log": host.ssh("cat /var/log/auth.log /var/log/syslog 2>/dev/null; journalctl 2>/dev/null").stdout,
    }
    assert any(name.startswith(str(artifacts)) for name in places)
    found = [(name, secret[:6]) for name, text in places.items() for secret in secrets if secret in text]
    assert found == []
    assert "[hidden]" in done.stdout + done.stderr
    assert not list(capra.private.iterdir())
    # On the host, a failed run leaves its journal and no content.
    kept = host.ssh(f"grep -rl -e {TOKEN} -e {COMMAND_SECRET} / -s --exclude-dir=proc --exclude-dir=sys").stdout.split()
    # Only the file itself, and what the careless commands have printed, in the private directory until the cleanup.
    assert "/etc/k0s.token" in kept
    assert {Path(line).name for line in kept if line != "/etc/k0s.token"} <= {"3.output", "4.output"}
    assert host.ssh("stat -c %a /var/lib/capra /var/lib/capra/bootstrap-*").stdout.split() == ["700", "700"]
    assert (
        host.ssh(
            "ls /var/lib/capra/*/payload.* /var/lib/capra/*/program.* /var/lib/capra/*/*.command 2>/dev/null | wc -l"
        ).stdout.strip()
        == "0"
    )
