"""Inventory plugin: the machines and pool entries of a cluster, or of manifests."""

from __future__ import annotations

DOCUMENTATION = r"""
name: remote_machines
short_description: Machines and pool entries of a cluster, or of manifests
version_added: 0.1.0
author:
  - The Capra authors (@capra-project)
description:
  - Each RemoteMachine with an address, and each PooledRemoteMachine that no RemoteMachine holds, is a host.
  - A host is named after its object, with C(.NAMESPACE) behind the name unless that is C(default) or O(namespace). An
    entry with the name of a machine ends with C(.entry).
  - The groups are C(machines) and C(pool_entries), C(cluster_NAME), C(pool_NAME), C(state_STATE) and, of hosts that
    Capra has asked, C(os_ID) and C(architecture_NAME). V(-) and the like become V(_).
  - The SSH keys are read from the Secrets of C(sshKeyRef), and lie in a private directory in memory until Ansible ends.
    They are no part of the inventory, and are never cached. Reading the inventory again replaces them.
  - No variable is a template to Ansible, whatever an object or a host says.
  - Hosts whose keys Capra knows (C(spec.hostKeys), the object's annotation C(host-keys), or what C(capra) in a terminal
    has pinned) are checked against these, each object against its own. For the others Ansible's own settings count.
  - The file's name must end with C(remotemachines.yml), C(remotemachines.yaml), C(remote_machines.yml) or
    C(remote_machines.yaml).
requirements:
  - pydantic
  - "for a cluster: kubernetes, aiohttp and tenacity, as requirements.txt of the collection says"
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [capra.machine.remote_machines]
  manifests:
    description:
      - Files with RemoteMachines, PooledRemoteMachines and their Secrets. Relative to the inventory file.
      - Without any, a cluster is asked.
    type: list
    elements: str
    default: []
  kubeconfig:
    description:
      - The kubeconfig of the cluster. Relative to the inventory file. Empty means E(KUBECONFIG), C(~/.kube/config), or
        the service account of the Pod.
    type: str
    default: ""
  context:
    description: The context of the kubeconfig. Empty means its current one.
    type: str
    default: ""
  namespace:
    description: Only the objects of this namespace. Empty means all.
    type: str
    default: ""
  ssh_key:
    description:
      - File with the SSH private key for every host, instead of their Secrets, which are not read then. Relative to the
        inventory file.
    type: str
    default: ""
  state_directory:
    description:
      - Of O(manifests), where C(capra) in a terminal remembers machines and host keys. Empty means C(capra) in
        E(XDG_STATE_HOME), or in C(~/.local/state).
    type: str
    default: ""
"""

EXAMPLES = r"""
# remotemachines.yml, for the machines of manifests:
#   ansible -i remotemachines.yml all -m ansible.builtin.ping
plugin: capra.machine.remote_machines
manifests: [machines.yaml, ssh-keys.yaml]

# remotemachines.yml, for those of a cluster:
---
plugin: capra.machine.remote_machines
context: management
namespace: default
groups:
  ready: capra_state == 'Provisioned'
keyed_groups:
  - key: capra_labels['topology.kubernetes.io/zone'] | default('unknown')
    prefix: zone
compose:
  bootstrap_name: capra_namespace ~ '/' ~ capra_name
"""

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

try:
    from ansible_collections.capra.machine.plugins.plugin_utils import private_files
    from ansible_collections.capra.machine.plugins.plugin_utils.machine_sources import (
        ClusterSource,
        FoundKeys,
        ManifestSource,
    )
    from capra.errors import CapraError
    from capra.inventory.hosts import (
        Files,
        InventoryHost,
        host_groups,
        host_variables,
        inventory_names,
        known_hosts,
    )
    from capra.local.inventories.machines import key_of_file
    from capra.model import checks
    from capra.settings import Settings, read_settings
except ImportError as error:
    MISSING: str | None = str(error)
else:
    MISSING = None

NAMES = ("remotemachines.yml", "remotemachines.yaml", "remote_machines.yml", "remote_machines.yaml")
SHARED_KEY, KNOWN_HOSTS = "key", "known_hosts"
"""Names of private files; one of a Secret has a dot."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # ansible-core is untyped
    """The hosts of one file of options."""

    NAME = "capra.machine.remote_machines"

    def verify_file(self, path: str) -> bool:
        """Whether the name is one of a file of options."""
        return bool(super().verify_file(path)) and path.endswith(NAMES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Put the hosts into the inventory. Raises AnsibleParserError with one sentence."""
        super().parse(inventory, loader, path, cache)
        if MISSING is not None:
            advice = "install what requirements.txt of the collection says, beside Ansible"
            raise AnsibleParserError(f"{path}: {self.NAME} cannot be used: {MISSING}; {advice}")
        given = self._read_config_data(path)
        self._path = path
        self._refuse(given)
        try:
            hosts, found = self._read(cache)
            self._fill(hosts, found)
        except CapraError as error:
            raise AnsibleParserError(f"{path}: {error}") from None
        except OSError as error:
            raise AnsibleParserError(f"{path}: {error.filename}: {error.strerror}") from None

    def _refuse(self, given: Mapping[str, Any]) -> None:
        """Raise for options that are not known, or do not go together."""
        known = {*self.get_options(), "plugin"}
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(str(name), known, 1, 0.6)
                hint = f"did you mean {close[0]}?" if close else f"known are: {', '.join(sorted(known))}"
                raise AnsibleParserError(f"{self._path}: {name}: is not a known option; {hint}")
        for name in ("kubeconfig", "context"):
            if self.get_option("manifests") and self.get_option(name):
                problem = "cannot be given beside manifests: the hosts are those of files, or of a cluster"
                raise AnsibleParserError(f"{self._path}: {name}: {problem}")
        try:
            checks.namespace(self.get_option("namespace") or "default")
        except ValueError as error:
            raise AnsibleParserError(f"{self._path}: namespace: {error}") from None
        files = {f"manifests[{number}]": file for number, file in enumerate(self.get_option("manifests"))}
        for name, file in {**files, "kubeconfig": self.get_option("kubeconfig")}.items():
            if file and not Path(self._beside(file)).is_file():
                raise AnsibleParserError(f"{self._path}: {name}: {file}: there is no such file")

    def _beside(self, path: str) -> str:
        """A path that is relative to the inventory file."""
        return os.path.join(os.path.dirname(os.path.abspath(self._path)), os.path.expanduser(path)) if path else ""

    def _read(self, cache: bool) -> tuple[list[InventoryHost], FoundKeys]:
        namespace, own_key = self.get_option("namespace"), self.get_option("ssh_key")
        if files := self.get_option("manifests"):
            state = self._beside(self.get_option("state_directory"))
            remembered = Path(state) if state else read_settings(Settings, os.environ, {}).state_directory
            hosts, found = ManifestSource(tuple(map(self._beside, files)), remembered).read()
            hosts = [host for host in hosts if namespace in ("", host.key.namespace)]
            return hosts, FoundKeys() if own_key else found
        source = ClusterSource(self._beside(self.get_option("kubeconfig")), self.get_option("context"), namespace)
        hosts = source.hosts(self._cached(source, cache))
        return hosts, FoundKeys() if own_key else source.keys(hosts)

    def _cached(self, source: ClusterSource, cache: bool) -> Mapping[str, Any]:
        """The objects of the cluster; from the cache where that is wanted and has them."""
        if not self.get_option("cache"):
            return source.objects()
        self.load_cache_plugin()
        name = self.get_cache_key(f"{self._path} {source.kubeconfig} {source.context} {source.namespace}")
        try:
            if cache:
                found: Mapping[str, Any] = self._cache[name]
                return found
        except KeyError:
            pass
        self._cache[name] = source.objects()
        return self._cache[name]  # type: ignore[no-any-return]  # Ansible's

    def _fill(self, hosts: Sequence[InventoryHost], found: FoundKeys) -> None:
        for problem in found.problems:
            self.display.warning(f"{self._path}: {problem}; its hosts have no key")
        files = {"{}.{}".format(*secret): key for secret, key in found.keys.items()}
        if shared := self._beside(self.get_option("ssh_key")):
            files[SHARED_KEY] = key_of_file(shared)
        paths = private_files.keep(os.path.abspath(self._path), files | {KNOWN_HOSTS: known_hosts(hosts)})
        names = inventory_names(hosts, self.get_option("namespace"))
        for name, host in zip(names, hosts, strict=True):
            own = paths.get("{}.{}".format(*host.key_secret), "")
            self._add(name, host, Files(paths.get(SHARED_KEY, own), paths[KNOWN_HOSTS]))

    def _add(self, name: str, host: InventoryHost, files: Files) -> None:
        self.inventory.add_host(name)
        # Before 2.19 ansible-core takes any text of an inventory for a template; these come from tenants and hosts.
        values = {variable: wrap_var(value) for variable, value in host_variables(host, files).items()}
        for variable, value in values.items():
            self.inventory.set_variable(name, variable, value)
        for group in host_groups(host):
            self.inventory.add_host(name, group=self.inventory.add_group(group))
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), values, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), values, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), values, name, strict=strict)
