"""Become plugin: root by doas, where its rule asks for no password."""

from __future__ import annotations

from typing import Any

from ansible.plugins.become import BecomeBase

DOCUMENTATION = """
name: doas
short_description: Root by doas
description:
  - Runs tasks as another user with C(doas), as OpenBSD, Alpine and Debian (package C(opendoas)) have it.
  - C(doas) asks for passwords on a terminal only, and a session of Ansible has none, so the rule in
    C(/etc/doas.conf) must say C(nopass). It is called with C(-n), and fails at once where a password is wanted.
author: Capra project (@capra-project)
version_added: 0.1.0
options:
  become_user:
    description: The user to become.
    type: str
    default: root
    ini:
      - {section: privilege_escalation, key: become_user}
      - {section: doas_become_plugin, key: user}
    vars:
      - name: ansible_become_user
      - name: ansible_doas_user
    env:
      - name: ANSIBLE_BECOME_USER
      - name: ANSIBLE_DOAS_USER
  become_exe:
    description: The program.
    type: str
    default: doas
    ini:
      - {section: privilege_escalation, key: become_exe}
      - {section: doas_become_plugin, key: executable}
    vars:
      - name: ansible_become_exe
      - name: ansible_doas_exe
    env:
      - name: ANSIBLE_BECOME_EXE
      - name: ANSIBLE_DOAS_EXE
  become_flags:
    description: Options of the program.
    type: str
    default: -n
    ini:
      - {section: privilege_escalation, key: become_flags}
      - {section: doas_become_plugin, key: flags}
    vars:
      - name: ansible_become_flags
      - name: ansible_doas_flags
    env:
      - name: ANSIBLE_BECOME_FLAGS
      - name: ANSIBLE_DOAS_FLAGS
"""


class BecomeModule(BecomeBase):  # type: ignore[misc]  # ansible-core has no type information
    """Builds the command."""

    name = "capra.machine.doas"
    fail = ("doas: Operation not permitted",)
    missing = ("doas: Authentication required", "doas: a tty is required")

    def build_become_command(self, cmd: str, shell: Any) -> str:
        """The command that runs `cmd` as the user."""
        super().build_become_command(cmd, shell)
        if not cmd:
            return cmd
        words = [self.get_option("become_exe"), self.get_option("become_flags"), "-u", self.get_option("become_user")]
        return " ".join([*filter(None, words), self._build_success_command(cmd, shell)])
