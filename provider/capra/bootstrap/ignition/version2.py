"""A config of Ignition's version 2 in the form of version 3. Cluster API's kubeadm provider writes 2.3.0.

What is another in version 2 ('Configuration Specification v2.3.0'): nodes name their file system, a file replaces what
is there unless that is said not to, `append` is a flag of the file, deprecated keys stand beside new ones, and a name
may stand in a list more than once: the later item is done after the earlier one.
"""

from __future__ import annotations

from typing import Any

from capra.bootstrap.ignition.fields import JSONObject

_ROOT = "root"
_OTHER_CONFIGS = "is not supported in a config of version 2: put all into one, or make a 3.x config of it"


def translated(top: JSONObject) -> dict[str, Any]:
    """The config as one of version 3. Raises InputError."""
    top.only("ignition", "passwd", "storage", "systemd", "networkd")
    top.refuse("networkd", "is not supported: write its files below /etc/systemd/network as storage.files")
    header = top.object("ignition")
    header.only("version", "config", "timeouts", "security")
    header.object("config").refuse("append", _OTHER_CONFIGS)
    header.object("config").refuse("replace", _OTHER_CONFIGS)
    header.refuse("security", "is about what Ignition fetches: install the certificate authority on the host")
    if header.is_asked("timeouts"):
        top.constructs.tell(header.place.key("timeouts"), "is about what Ignition fetches, which is done by the host")
    storage = top.object("storage")
    result: dict[str, Any] = {name: top.values[name] for name in ("passwd", "systemd") if name in top.values}
    result["storage"] = {
        **storage.values,
        "files": [_file(file) for file in storage.objects("files")],
        "directories": [_on_root(node) for node in storage.objects("directories")],
        "links": [_on_root(node) for node in storage.objects("links")],
    }
    result["passwd"] = {
        **top.object("passwd").values,
        "users": [_user(user) for user in top.object("passwd").objects("users")],
    }
    result["systemd"] = {
        **top.object("systemd").values,
        "units": [_unit(unit) for unit in top.object("systemd").objects("units")],
    }
    return result


def _on_root(node: JSONObject) -> dict[str, Any]:
    if node.text("filesystem") != _ROOT:
        problem = "must be root: other file systems are not supported, since Ignition's disks are not"
        node.constructs.refuse(node.place.key("filesystem"), problem)
    return {key: value for key, value in node.values.items() if key != "filesystem"}


def _file(file: JSONObject) -> dict[str, Any]:
    result = _on_root(file)
    contents = file.object("contents").values
    # An empty source, which is none of version 3, is an empty file.
    result["contents"] = {**contents, "source": contents.get("source") or ""}
    if not file.flag("append"):
        result.pop("append", None)
        result["overwrite"] = file.flag("overwrite") is not False
        return result
    if file.flag("overwrite"):
        raise file.place.key("overwrite").error("cannot be true with append")
    result["append"] = [result.pop("contents")]
    return result


def _user(user: JSONObject) -> dict[str, Any]:
    """`create` holds what later versions have in the user itself."""
    return {**user.object("create").values, **{key: value for key, value in user.values.items() if key != "create"}}


def _unit(unit: JSONObject) -> dict[str, Any]:
    result = {key: value for key, value in unit.values.items() if key != "enable"}
    if unit.flag("enable") and unit.flag("enabled") is None:
        result["enabled"] = True
    return result
