"""A kube-apiserver and its etcd on 127.0.0.1: a cluster without nodes and without controllers, up in seconds.

There is no kube-controller-manager: nothing is garbage-collected, and a namespace that is deleted stays.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import secrets
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from tests.support.waiting import wait_until

from . import assets, pki
from .errors import ControlPlaneError
from .process import Program, TakenDown, free_port, ready

START_SECONDS = 90
"""For what takes 4 s on an idle machine."""

TRIES = 30
AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"]}
ADMIN = "capra-test-admin"
LIFETIME = "24h"


class ControlPlane(TakenDown):
    """One control plane. `ControlPlane.up()` makes one; a context manager that takes it down."""

    def __init__(self, directory: Path, programs: assets.Kubernetes, *, owned: bool) -> None:
        self.directory = directory
        self._programs = programs
        self._owned = owned
        self._certificate = pki.self_signed(directory, "apiserver")
        self._signing, self._verifying = pki.signing_keys(directory, "service-accounts")
        self._context = ssl.create_default_context(cafile=str(self.ca))
        self._token = secrets.token_hex(16)
        (directory / "tokens.csv").write_text(f"{self._token},{ADMIN},{ADMIN},system:masters\n")
        (directory / "audit-policy.yaml").write_text(yaml.safe_dump(AUDIT_POLICY | {"rules": [{"level": "Metadata"}]}))
        self.port = 0
        self._etcd: Program | None = None
        self._server: Program | None = None
        self.kubeconfig = directory / "admin.kubeconfig"
        """Of an administrator; all data inline."""

    @classmethod
    def up(cls, directory: Path | None = None) -> Self:
        """Start one. Raises `Unavailable` where the programs are not built, `ControlPlaneError` where it fails."""
        programs = assets.kubernetes()
        made = cls(directory or Path(tempfile.mkdtemp(prefix="capra-plane-")), programs, owned=directory is None)
        try:
            made._start_etcd()
            made.start()
        except BaseException:
            made.down()
            raise
        return made

    @property
    def server(self) -> str:
        """Its address as a URL."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate that its own is verified with."""
        return self._certificate.certificate

    def start(self) -> None:
        """Start the API server, at the port that it had before."""
        self.port = self.port or free_port()
        self._server = Program(self._server_command(), self.directory / "apiserver.log")
        self._wait_until_ready()
        self.kubeconfig.write_text(self.kubeconfig_text(self._token))
        self.kubeconfig.chmod(0o600)

    def stop(self) -> None:
        """Kill the API server; etcd keeps what it knew."""
        if self._server is not None:
            self._server.kill()

    def restart(self) -> None:
        """Kill the API server and start it again."""
        self.stop()
        self.start()

    def keep_state(self) -> None:
        """Keep what etcd has now, for `go_back`: both are ended for that, and started again."""
        self._end()
        shutil.rmtree(self.directory / "kept", ignore_errors=True)
        shutil.copytree(self.directory / "etcd", self.directory / "kept")
        self._start_etcd()
        self.start()

    def go_back(self) -> None:
        """As an administrator who restores etcd from a backup: everything since `keep_state` is forgotten."""
        self._end()
        shutil.rmtree(self.directory / "etcd")
        shutil.copytree(self.directory / "kept", self.directory / "etcd")
        self._start_etcd()
        self.start()

    def age(self, versions: int) -> None:
        """So many changes of something else: the versions of all that is written later are higher by that."""
        body = json.dumps({"key": base64.b64encode(b"/age").decode(), "value": ""})
        etcd = http.client.HTTPConnection(self._etcd_url.removeprefix("http://"), timeout=30)
        try:
            for _ in range(versions):
                etcd.request("POST", "/v3/kv/put", body)
                answer = etcd.getresponse()
                answer.read()
                if answer.status != 200:
                    raise ControlPlaneError(f"etcd answered {answer.status}")
        finally:
            etcd.close()

    def _end(self) -> None:
        for program in (self._server, self._etcd):
            if program is not None:
                program.kill()

    def down(self) -> None:
        """End both, and remove what they wrote."""
        self._end()
        if self._owned:
            shutil.rmtree(self.directory, ignore_errors=True)

    def kubectl(self, *arguments: str | Path, stdin: str = "", code: int = 0, kubeconfig: Path | None = None) -> str:
        """Run kubectl; its standard output, or its standard error where it is to fail with this code."""
        environment = {"HOME": str(self.directory), "PATH": "/usr/bin:/bin"}
        command = [str(self._programs.kubectl), "--kubeconfig", str(kubeconfig or self.kubeconfig)]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != code:
            raise ControlPlaneError(f"kubectl {arguments[0]}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stderr if code else done.stdout

    def apply(self, manifests: str | Path | Iterable[Mapping[str, Any]], *options: str) -> str:
        """`kubectl apply` of a text, a file or objects."""
        if isinstance(manifests, Path):
            manifests = manifests.read_text()
        text = manifests if isinstance(manifests, str) else yaml.safe_dump_all([dict(one) for one in manifests])
        return self.kubectl("apply", "-f", "-", *options, stdin=text)

    def get(self, *arguments: str) -> Any:
        """`kubectl get … -o json`."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request as the administrator, without kubectl's start-up time. A PATCH is a merge patch.

        One that is too many at the moment is made again. Raises `urllib.error.HTTPError` with the API server's status.
        """
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(
            f"{self.server}{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": kind},
        )
        for _ in range(TRIES):
            try:
                with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    raise
                time.sleep(1)
        raise ControlPlaneError(f"{method} {path}: too many requests, {TRIES} times")

    def namespace(self, prefix: str = "test") -> str:
        """A new namespace; its name."""
        name = f"{prefix}-{secrets.token_hex(6)}"
        self.kubectl("create", "namespace", name)
        return name

    def kubeconfig_for(self, namespace: str, account: str, server: str = "") -> Path:
        """A kubeconfig of a ServiceAccount that exists. server: another way to the API server, such as a proxy."""
        token = self.kubectl("create", "token", account, "--namespace", namespace, "--duration", LIFETIME).strip()
        path = self.directory / f"{namespace}.{account}.kubeconfig"
        path.write_text(self.kubeconfig_text(token, server))
        path.chmod(0o600)
        return path

    def kubeconfig_text(self, token: str = "", server: str = "") -> str:
        """A kubeconfig with everything inline. token: the administrator's by default."""
        authority = base64.b64encode(self.ca.read_bytes()).decode()
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": "c", "cluster": {"server": server or self.server, "certificate-authority-data": authority}}
                ],
                "users": [{"name": "u", "user": {"token": token or self._token}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )

    def audit(self) -> list[dict[str, Any]]:
        """Every request so far, as events of audit.k8s.io/v1, without bodies."""
        path = self.directory / "audit.log"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def _start_etcd(self) -> None:
        clients, peers = free_port(), free_port()
        self._etcd_url = f"http://127.0.0.1:{clients}"
        command: list[str | Path] = [
            self._programs.etcd,
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-cluster=default=http://127.0.0.1:{peers}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
        self._etcd = Program(command, self.directory / "etcd.log")

    def _server_command(self) -> list[str | Path]:
        keys = self._certificate
        return [
            self._programs.kube_apiserver,
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={keys.certificate}",
            f"--tls-private-key-file={keys.key}",
            f"--cert-dir={self.directory}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._verifying}",
            f"--service-account-signing-key-file={self._signing}",
            # There is nobody who would make a default account for each namespace.
            "--disable-admission-plugins=ServiceAccount",
            "--service-cluster-ip-range=10.255.0.0/24",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
            f"--audit-policy-file={self.directory / 'audit-policy.yaml'}",
            f"--audit-log-path={self.directory / 'audit.log'}",
            "--audit-log-mode=blocking",
            "--v=0",
        ]

    def _wait_until_ready(self) -> None:
        assert self._etcd is not None
        assert self._server is not None
        request = urllib.request.Request(f"{self.server}/readyz", headers={"Authorization": f"Bearer {self._token}"})

        def answers() -> bool:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(request, timeout=5, context=self._context) as told,
            ):
                return bool(told.status == 200)
            return False

        wait_until(answers, ready("kube-apiserver is ready", START_SECONDS, self._server, self._etcd))
