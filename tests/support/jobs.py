"""In place of Kubernetes' Job controller, garbage collector and kubelet: carries the Jobs of one namespace out on this
machine. The Job, its Pod and their states are real objects of a real API server; a Pod is a process here, whose Secrets
are files of a temporary directory."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.controlplane import ControlPlane

MESSAGE_LIMIT, LOG_LIMIT = 4096, 2048
"""Bytes of a container's message, and of its log where it has left none; the kubelet's."""


@dataclass
class _Pod:
    name: str
    job: str
    uid: str
    directory: Path
    process: subprocess.Popen[bytes]
    ends_at: float


class JobExecutor:
    """A context manager. held: while it is set, new Jobs stay as they are, as where no node has room."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self._namespace = namespace
        self._pods: dict[str, _Pod] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.held = threading.Event()
        self.jobs: dict[str, dict[str, Any]] = {}
        """All that have been seen, as they were first, by UID."""

        self.errors: list[BaseException] = []

    def __enter__(self) -> JobExecutor:
        metadata = {"name": "default"}
        with contextlib.suppress(urllib.error.HTTPError):
            self._plane.request("POST", f"{self._core}/serviceaccounts", {"metadata": metadata})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join(30)
        for pod in list(self._pods.values()):
            self._kill(pod)
        assert not self.errors, self.errors

    @property
    def _core(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}"

    @property
    def _batch(self) -> str:
        return f"/apis/batch/v1/namespaces/{self._namespace}/jobs"

    @property
    def running(self) -> int:
        """How many Pods are at work."""
        return len(self._pods)

    def _run(self) -> None:
        while not self._over.wait(0.1):
            try:
                self._look()
            except urllib.error.HTTPError as error:
                if error.code not in {404, 409}:  # it was deleted, or changed, meanwhile
                    self.errors.append(RuntimeError(f"{error}: {error.read().decode()}"))
                    return
            except BaseException as error:
                self.errors.append(error)
                return

    def _look(self) -> None:
        jobs = {raw["metadata"]["uid"]: raw for raw in self._plane.request("GET", self._batch)["items"]}
        for uid, raw in jobs.items():
            self.jobs.setdefault(uid, raw)
            if uid not in self._pods and not (raw.get("status") or {}).get("startTime") and not self.held.is_set():
                self._pods[uid] = self._start(raw)
        for uid, pod in list(self._pods.items()):
            if uid not in jobs:
                self._kill(pod)
                self._delete(pod)
            elif pod.process.poll() is not None:
                self._end(pod)
            elif time.monotonic() > pod.ends_at:
                self._kill(pod)
                self._delete(pod)
                self._tell_job(pod, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
            else:
                continue
            shutil.rmtree(pod.directory, ignore_errors=True)
            del self._pods[uid]

    def _start(self, job: dict[str, Any]) -> _Pod:
        template, name = job["spec"]["template"], f"{job['metadata']['name']}-abcde"
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"]}
        owner |= {"uid": job["metadata"]["uid"], "controller": True}
        metadata = {"name": name, "labels": template["metadata"].get("labels"), "ownerReferences": [owner]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        made = self._plane.request("POST", f"{self._core}/pods", body)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._status(f"{self._batch}/{job['metadata']['name']}", {"startTime": now, "active": 1})
        self._status(f"{self._core}/pods/{name}", {"phase": "Running"})
        directory = Path(tempfile.mkdtemp(prefix="pod-"))
        container = template["spec"]["containers"][0]
        places = self._mounts(directory, template["spec"], container)
        places[container["terminationMessagePath"]] = str(directory / "message")
        words = [*container["command"], *container["args"]]
        for place, here in places.items():
            words = [word.replace(place, here) for word in words]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "HOME": str(directory)},
                start_new_session=True,
            )
        ends_at = time.monotonic() + job["spec"]["activeDeadlineSeconds"]
        return _Pod(name, job["metadata"]["name"], made["metadata"]["uid"], directory, process, ends_at)

    def _mounts(self, directory: Path, spec: dict[str, Any], container: dict[str, Any]) -> dict[str, str]:
        """The container's Secrets as files here; where each of its places is."""
        places = {}
        volumes = {one["name"]: one for one in spec.get("volumes", ())}
        for mount in container.get("volumeMounts", ()):
            secret = volumes[mount["name"]].get("secret")
            if secret is None:
                continue
            here = directory / mount["name"]
            here.mkdir()
            data = self._plane.request("GET", f"{self._core}/secrets/{secret['secretName']}")["data"]
            items = secret.get("items") or [{"key": key, "path": key} for key in data]
            for item in items:
                file = here / item["path"]
                file.write_bytes(base64.b64decode(data[item["key"]]))
                file.chmod(item.get("mode", 0o644))
            places[mount["mountPath"]] = str(here)
        return places

    def _end(self, pod: _Pod) -> None:
        message = pod.directory / "message"
        said = message.read_bytes()[:MESSAGE_LIMIT] if message.exists() else b""
        code = pod.process.returncode
        if not said and code:
            said = (pod.directory / "log").read_bytes()[-LOG_LIMIT:]
        state = {"exitCode": code if code >= 0 else 128 - code, "message": said.decode(errors="replace")}
        phase = "Failed" if code else "Succeeded"
        [first, *_] = self._plane.request("GET", f"{self._core}/pods/{pod.name}")["spec"]["containers"]
        status = {"name": first["name"], "image": first["image"], "imageID": "", "restartCount": 0, "ready": False}
        status["state"] = {"terminated": state}
        self._status(f"{self._core}/pods/{pod.name}", {"phase": phase, "containerStatuses": [status]})
        if code:
            self._tell_job(pod, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        else:
            self._tell_job(pod, "Complete", "CompletionsReached", "Reached expected number of succeeded pods")

    def _tell_job(self, pod: _Pod, kind: str, reason: str, message: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        before = "FailureTarget" if kind == "Failed" else "SuccessCriteriaMet"
        common = {"status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
        conditions = [{"type": one, **common} for one in (before, kind)]
        status: dict[str, Any] = {"active": 0, "conditions": conditions}
        status |= {"failed": 1} if kind == "Failed" else {"succeeded": 1, "completionTime": now}
        self._status(f"{self._batch}/{pod.job}", status)

    def _status(self, path: str, status: dict[str, Any]) -> None:
        self._plane.request("PATCH", f"{path}/status", {"status": status})

    def _delete(self, pod: _Pod) -> None:
        with contextlib.suppress(urllib.error.HTTPError):
            self._plane.request("DELETE", f"{self._core}/pods/{pod.name}?gracePeriodSeconds=0")

    def _kill(self, pod: _Pod) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pod.process.pid, signal.SIGKILL)
        pod.process.wait()
