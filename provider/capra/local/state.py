"""What is remembered of each machine between two commands: one JSON file a machine, and the known host keys.

    $XDG_STATE_HOME/capra/                                  0700
        machines/<namespace>.<name>@<address>_<port>.json   how far the host has come, and how the last run ended
        locks/<the same>.lock                               held while a capra works on the machine
        known_hosts                                         pinned host keys, as OpenSSH has them

No secret stands in any of them.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from capra.errors import Fatal, InputError
from capra.local.files import lock_holder, locked, make_directory, remove_whole, write_whole
from capra.local.known_hosts import KnownHosts
from capra.local.reading.bounded import read_bounded_file
from capra.model.checks import same_address
from capra.model.machine import MachineKey, RemoteMachine
from capra.model.observation import Phase, Record
from capra.model.saved_record import SavedRecord

VERSION = 1
MAX_NAME = 200
"""Characters of a file's name, of 255 that file systems allow."""

KEPT = tuple(SavedRecord.model_fields)
"""The fields of a Record that a state file has; see _Saved.record for the others."""


class _Saved(SavedRecord):
    """A state file."""

    version: int
    kind: str
    namespace: str
    name: str
    address: str
    port: int
    phase: Phase

    @property
    def record(self) -> Record:
        """Without host keys, which are kept in known_hosts, and without back-off: a person who calls is not held up."""
        kept = Record(**{name: getattr(self, name) for name in KEPT})
        return replace(kept, phase=self.believed_phase)


@dataclass(frozen=True)
class Remembered:
    """A machine of the state directory. busy: pid of the capra that is at work on it, empty when none is. stem: of the
    name of its file, without the ending."""

    key: MachineKey
    address: str
    port: int
    record: Record
    busy: str = ""
    stem: str = ""

    @property
    def unfinished(self) -> bool:
        """A run was begun, and its end is not known."""
        return self.record.phase in {Phase.BOOTSTRAPPING, Phase.CLEANING}

    @property
    def dirty(self) -> bool:
        """Something of Capra's may be on the host."""
        return self.record.phase not in {Phase.NEW, Phase.CLEAN}


class StateDirectory:
    """Reads and writes the state. path: made when first written to."""

    def __init__(self, path: Path) -> None:
        self._machines = path / "machines"
        self._locks = path / "locks"
        self._path = path
        self.known_hosts = KnownHosts(path / "known_hosts")

    def prepare(self) -> None:
        """Make the directories. Raises InputError where that is not possible."""
        for directory in (self._path, self._machines, self._locks):
            make_directory(directory)

    def read(self, machine: RemoteMachine) -> Record:
        """What is known of a machine; a new Record when nothing is. Raises InputError for a damaged file.

        What is known of another UID is of a machine that had the name and the address before, and says nothing of this
        one: the host tells whether that one uses it still.
        """
        path = self._file(machine)
        record = _load(path).record if path.exists() else Record()
        if record.uid and machine.uid and record.uid != machine.uid:
            record = Record()
        spec, known = machine.spec, self.known_hosts
        bastions = (f"{one.name} {key}" for one in spec.bastions for key in known.keys(one.address, one.port))
        return replace(record, host_keys=known.keys(spec.address, spec.port), bastion_keys=tuple(bastions))

    def write(self, machine: RemoteMachine, record: Record) -> None:
        """Keep the record. Host keys go to known_hosts, those of bastions by `FileStore.pin`; a file appears only when
        there is more to say than these."""
        spec, before = machine.spec, self.read(machine)
        if record.host_keys != before.host_keys:
            self.known_hosts.pin(spec.address, spec.port, record.host_keys)
        if _without_keys(record) == _without_keys(before):
            return
        key = machine.key
        values = _Saved(
            version=VERSION,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            address=spec.address,
            port=spec.port,
            **{name: getattr(record, name) for name in KEPT},
        )
        write_whole(self._file(machine), values.model_dump_json(by_alias=True, indent=2) + "\n")

    def doubt_others(self, machine: RemoteMachine) -> None:
        """Of every other machine at this host, say that only the host knows how far it has come: this one has taken it
        over. One that another capra is at work on hears of it from the host."""
        for path in self._machines.glob(f"*{glob.escape(_at(machine))}.json"):
            if path == self._file(machine):
                continue
            with contextlib.suppress(Fatal), locked(self._locks / f"{path.stem}.lock", wait=False, owner=path.stem):
                saved = _load(path)
                if saved.phase is Phase.PROVISIONED:
                    doubted = saved.model_copy(update={"phase": Phase.BOOTSTRAPPING})
                    write_whole(path, doubted.model_dump_json(by_alias=True, indent=2) + "\n")

    def lock(self, machine: RemoteMachine) -> AbstractContextManager[None]:
        """Hold a machine while working on it. Raises Fatal when another process does."""
        return locked(self._lock(machine), wait=False, owner=str(machine.key))

    def all(self) -> list[Remembered]:
        """Every machine that is remembered, by namespace and name."""
        return [self._remembered(path) for path in sorted(self._machines.glob("*.json"))]

    def _remembered(self, path: Path) -> Remembered:
        saved = _load(path)
        keys = self.known_hosts.keys(saved.address, saved.port)
        return Remembered(
            MachineKey(saved.namespace, saved.name, saved.kind),
            saved.address,
            saved.port,
            replace(saved.record, host_keys=keys),
            lock_holder(self._locks / f"{path.stem}.lock"),
            path.stem,
        )

    def forget(self, one: Remembered, *, force: bool = False, keep_keys: bool = False) -> None:
        """Remove what is remembered of a machine that `all` has given, and the host keys that are pinned for its place.
        force: although something may be on the host. keep_keys: another machine is there.

        Raises Fatal when a capra is at work on it, or it has begun to be dirty meanwhile.
        """
        path = self._machines / f"{one.stem}.json"
        with locked(self._locks / f"{one.stem}.lock", wait=False, owner=str(one.key)):
            if not path.exists():
                return
            if self._remembered(path).dirty and not force:
                raise Fatal(f"{one.key} was bootstrapped meanwhile; nothing of it was forgotten")
            # The file comes last: who dies before that finds the machine again by its name.
            if not keep_keys:
                self.known_hosts.forget(one.address, one.port)
            remove_whole(path)

    def remembered(self, machine: RemoteMachine) -> Remembered:
        """What is known of this machine."""
        spec = machine.spec
        busy = lock_holder(self._lock(machine))
        return Remembered(machine.key, spec.address, spec.port, self.read(machine), busy)

    def _file(self, machine: RemoteMachine) -> Path:
        return self._machines / f"{_stem(machine)}.json"

    def _lock(self, machine: RemoteMachine) -> Path:
        return self._locks / f"{_stem(machine)}.lock"


def _without_keys(record: Record) -> Record:
    """What a state file has to say."""
    return replace(record, host_keys=(), bastion_keys=(), not_before=0.0, changed_at=0.0)


def _stem(machine: RemoteMachine) -> str:
    """The file's name without its ending: readable, and the same for the same machine at the same place."""
    key = machine.key
    text = f"{key.namespace}.{key.name}{_at(machine)}"
    if len(text) <= MAX_NAME:
        return text
    return f"{text[:MAX_NAME]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _at(machine: RemoteMachine) -> str:
    return f"@{same_address(machine.spec.address)}_{machine.spec.port}"


MAX_BYTES = 2**20
"""Of a state file; it has a few hundred."""


def _load(path: Path) -> _Saved:
    problem = ""
    try:
        saved = _Saved.model_validate(json.loads(read_bounded_file(path, MAX_BYTES, f"state file {path}")))
        if saved.version == VERSION:
            return saved
        problem = f"has version {saved.version}, and this capra knows version {VERSION}"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except (ValueError, ValidationError, RecursionError):
        problem = (
            "is damaged; remove it, and the next bootstrap finds on the host what has been done already,"
            " or clean the host with capra cleanup"
        )
    raise InputError(problem, subject=f"state file {path}")
