"""Files and options to machines: which key and which bootstrap data count, and what is missing."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from capra.errors import InputError, InputErrors
from capra.local.prepare import InputOptions, PreparedMachine, prepare
from capra.model.machine import SENTINEL_ANNOTATION
from tests.unit.local.examples import USER_DATA, machine, owner, private_key, secret, write, write_text


def _one(*files: str, need_bootstrap: bool = False, **options: Any) -> PreparedMachine:
    prepared = prepare(InputOptions(files=files, **options), need_bootstrap=need_bootstrap)
    [one] = prepared.machines.values()
    return one


def test_a_machine_alone_stands_for_its_owner_and_cluster(tmp_path: Path) -> None:
    one = _one(write(tmp_path, machine(), secret()))

    assert (one.owner.name, one.owner.bootstrap_kind, one.cluster.paused) == ("node-0", "", False)
    assert one.ssh_key is not None
    assert (one.ssh_key.value, one.ssh_key.source) == (private_key(), "Secret key")
    assert one.bootstrap is None


def test_a_machine_with_its_owner_in_another_file(tmp_path: Path) -> None:
    first = write(tmp_path, machine(), name="a.yaml")
    second = write(
        tmp_path,
        owner(data="data", kind="K0sControllerConfig"),
        secret(),
        secret("data", value=USER_DATA),
        name="b.yaml",
    )

    one = _one(second, first, need_bootstrap=True)

    assert (one.owner.name, one.owner.bootstrap_kind) == ("machine-of-node-0", "K0sControllerConfig")
    assert one.cluster.name == "test"
    assert one.bootstrap is not None
    assert (one.bootstrap.data, one.bootstrap.source) == (USER_DATA.encode(), "Secret data")


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(write(tmp_path, machine(), secret())).read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    assert _one("-").machine.key.name == "node-0"


def test_the_option_counts_before_the_secret(tmp_path: Path) -> None:
    key = write_text(tmp_path, private_key(), "id")

    one = _one(write(tmp_path, machine(sshKeyRef=None)), ssh_key=key)

    assert one.ssh_key is not None
    assert one.ssh_key.source == key


def test_own_data_counts_before_the_option(tmp_path: Path) -> None:
    file = write_text(tmp_path, "runcmd: [other]", "user-data.yaml")
    manifest = write(
        tmp_path,
        *(machine(), owner(data="data"), secret(), secret("data", value=USER_DATA)),
        machine("node-1", address="192.0.2.2"),
    )

    prepared = prepare(InputOptions((manifest,), bootstrap_data=file), need_bootstrap=True)

    sources = [one.bootstrap.source for one in prepared.machines.values() if one.bootstrap]
    assert sources == ["Secret data", file]


def test_the_option_stands_in_for_a_secret_that_is_not_there(tmp_path: Path) -> None:
    file = write_text(tmp_path, USER_DATA, "user-data.yaml")

    one = _one(write(tmp_path, machine(), owner(data="absent"), secret()), bootstrap_data=file, need_bootstrap=True)

    assert one.bootstrap is not None
    assert one.bootstrap.source == file


def test_the_become_password(tmp_path: Path) -> None:
    path = write_text(tmp_path, "open sesame\n", "password")

    one = _one(write(tmp_path, machine(), secret()), become_password_file=path)

    assert one.become_password == "open sesame"
    assert "sesame" not in repr(one)


def test_kinds_of_a_cluster_are_noted_once(tmp_path: Path) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    cluster = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": {"name": "c"}}

    prepared = prepare(
        InputOptions((write(tmp_path, namespace, cluster, namespace, machine(), secret()),)), need_bootstrap=False
    )

    assert prepared.notes[0] == "left alone, as only a cluster needs them: 1 Cluster, 2 Namespace"


def test_limit(tmp_path: Path) -> None:
    manifest = write(tmp_path, machine(), machine("node-1", address="192.0.2.2", sshKeyRef=None), secret())

    # What is left out need not be right.
    assert _one(manifest, limit=("default/node-0",)).machine.key.name == "node-0"
    with pytest.raises(InputError, match="--limit: no machine is named node-7; there are: node-0, node-1"):
        _one(manifest, limit=("node-0", "node-7"))


MISSING: list[tuple[str, list[dict[str, Any]], str]] = [
    ("no-reference", [machine(sshKeyRef=None)], "node-0: spec.sshKeyRef.name: is required"),
    (
        "empty-reference",
        [machine(sshKeyRef={"name": ""})],
        "node-0: spec.sshKeyRef.name: is required",
    ),
    (
        "no-secret",
        [machine()],
        "node-0: spec.sshKeyRef.name: Secret key of namespace default is not in the files",
    ),
    ("no-value", [machine(), secret(**{"ssh-privatekey": "x"})], "must have the key 'value', but has: ssh-privatekey"),
    ("no-key", [machine(), secret(value="hush")], "spec.sshKeyRef.name: Secret key: value: is not an SSH private key"),
    (
        "no-data",
        [machine(), secret()],
        "node-0: there is no bootstrap data: give --bootstrap-data",
    ),
    (
        "no-data-secret",
        [machine(), secret(), owner(data="data")],
        "node-0: bootstrap.dataSecretName of its Machine: Secret data of namespace default is not in the files",
    ),
    (
        "data-not-yaml",
        [machine(), secret(), owner(data="data"), secret("data", value="runcmd: [hush")],
        "Secret data: is not valid YAML",
    ),
    (
        "data-empty",
        [machine(), secret(), owner(data="data"), secret("data", value="{}")],
        "Secret data: has nothing to do",
    ),
    (
        "data-of-another-format",
        [machine(), secret(), owner(data="data"), secret("data", value="x", format="ignition")],
        "the data are not the JSON of an Ignition config",
    ),
]


@pytest.mark.parametrize(("documents", "problem"), [case[1:] for case in MISSING], ids=[case[0] for case in MISSING])
def test_refused(tmp_path: Path, documents: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        _one(write(tmp_path, *documents), need_bootstrap=True)

    assert problem in str(caught.value)
    assert "hush" not in str(caught.value)


def test_every_machines_problem_is_told(tmp_path: Path) -> None:
    manifest = write(tmp_path, machine(sshKeyRef=None), machine("node-1", address="192.0.2.2"))

    with pytest.raises(InputErrors) as caught:
        _one(manifest)

    assert [error.field for error in caught.value.errors] == ["spec.sshKeyRef.name"] * 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"ssh_key": "absent"}, "--ssh-key absent: cannot be read"),
        ({"become_password_file": "absent"}, "--become-password-file absent: cannot be read"),
        ({"become_password_file": "two-lines"}, "must hold the password and nothing else"),
        ({"become_password_file": "binary"}, "is not UTF-8 text"),
        ({"bootstrap_data": "absent"}, "--bootstrap-data absent: cannot be read"),
        ({"bootstrap_data": "large"}, "--bootstrap-data large: is larger than"),
        ({"bootstrap_data": "binary"}, "binary: "),
    ],
)
def test_files_of_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("capra.local.reading.option_files.MAX_BOOTSTRAP_BYTES", 1000)
    write_text(tmp_path, "hush\nhush\n", "two-lines")
    write_text(tmp_path, b"\xff\xfe\x00", "binary")
    write_text(tmp_path, b"x" * 1001, "large")

    with pytest.raises(InputError) as caught:
        _one(write(tmp_path, machine(), secret()), need_bootstrap=True, **options)

    assert problem in str(caught.value)
    assert "hush" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml: cannot be read: No such file"):
        _one(str(tmp_path / "absent.yaml"))
    with pytest.raises(InputError, match=r"binary.yaml: is not UTF-8 text: byte 1"):
        _one(write_text(tmp_path, b"\xff", "binary.yaml"))


@pytest.mark.parametrize(
    ("command", "annotations", "warned"),
    [
        ("true", {}, True),
        ("true", {SENTINEL_ANNOTATION: "none"}, False),
        ("touch /run/cluster-api/bootstrap-success.complete", {}, False),
        ("cd /run/cluster-api; touch bootstrap-success.complete", {}, False),
    ],
)
def test_data_that_makes_no_sentinel_is_warned_of_once(
    tmp_path: Path, command: str, annotations: dict[str, str], warned: bool
) -> None:
    data = write_text(tmp_path, f"#cloud-config\nruncmd: ['{command}']\n", "user-data.yaml")
    machines = [machine(f"node-{number}", address=f"192.0.2.{number}") for number in range(2)]
    for one in machines:
        one["metadata"]["annotations"] = annotations
    manifest = write(tmp_path, *machines, secret())
    told = prepare(InputOptions((manifest,), bootstrap_data=data), need_bootstrap=True).notes
    assert [note.partition("names")[0] for note in told if note.startswith("warning")] == (
        ["warning: RemoteMachine default/node-0: no step of the bootstrap data "] if warned else []
    )


def test_a_bastion_has_a_key_of_its_own_or_the_machines(tmp_path: Path) -> None:
    key = write_text(tmp_path, private_key(), "id")
    chain = {"address": "b", "bastion": {"address": "c", "sshKeyRef": {"name": "other"}}}

    one = _one(write(tmp_path, machine(bastion=chain), secret("other")), ssh_key=key)

    assert [one and one.source for one in one.bastion_keys] == [None, "Secret other"]
    with pytest.raises(InputError, match=r"spec\.bastion\.bastion\.sshKeyRef\.name: Secret other of namespace default"):
        _one(write(tmp_path, machine(bastion=chain)), ssh_key=key)
