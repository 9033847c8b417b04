"""Documentation of the action plugin capra.machine.steps; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: steps
short_description: Carry out an ordered list of steps on a host, in one round trip and with a journal
description:
  - Sends the steps to the host in one round trip. A small POSIX program there carries them out in order, detached from
    the SSH session, and keeps a journal.
  - A step that has finished is not run again. A run that is under way is followed, not started again. A step that
    failed, or was cut off, is the first one of the next run.
  - Other steps under the same O(run_id) are held against the journal. The first one that is another, and all after it,
    run. After a reboot, what lay in memory is made again. A cleanup (a V(forget) among the steps) takes back what
    journals say.
  - The host needs a POSIX shell and coreutils or busybox, and no Python.
version_added: 0.1.0
options:
  steps:
    description:
      - The steps in order. C(kind) is one of V(write), V(append), V(command), V(script), V(sentinel), V(forget),
        V(clear), V(verify).
      - V(write) and V(append) take C(path), C(content) in base64, C(mode) and C(owner).
      - V(command) takes C(command), run by C(/bin/sh) from a private file.
      - V(script) takes C(content) in plain text (default O(script)), C(arguments), and C(check) if it knows C(--check).
        C(always) is the same, and the step is carried out each time, whatever the journal says.
      - V(sentinel) takes C(path) and fails when there is no such file.
      - V(forget) takes C(path) of the sentinel and C(keep_files); it removes what earlier runs have left on the host.
        C(services) says which units and init scripts it stops, disables and removes, V(files) (those that a run wrote
        or copied, and those that start what it wrote; the default) or V(all) (those that came with its commands, too).
      - V(clear) ends and removes what is left of a Kubernetes distribution on the host, and was not there before the
        bootstrap (a run with O(kind) V(bootstrap)). Where none is known, and the script before it has left no mark
        C(been), it removes nothing. With C(scope) V(network) it removes only the network, where there is that mark.
      - V(verify), behind V(forget), fails where anything of a Kubernetes distribution is left on the host that was not
        there before the bootstrap. With C(binding) V(running), what only lies there is a warning.
      - Each may have a C(title).
      - Each may have C(tags), which mean what tags of a task mean; the task has all of them, without those in
        C(ansible_skip_tags). C(needs) lists tags of steps before it without which it is an error to select it, and
        C(looks) says that it changes nothing. A selection without V(forget), or without V(verify) where there is one,
        neither gives the host back nor removes its journal, and one of which all steps look makes no claim, ends no
        other run and leaves no journal. A tag of the role, the play or a block around the task may not be one of them.
    type: list
    elements: dict
    default: []
  document:
    description:
      - Bootstrap data in a file on the control node, instead of O(steps). An empty O(run_id) is derived from it.
    type: dict
    suboptions:
      path:
        description: The file. Looked for as Ansible looks for files, and then from the current directory.
        type: str
        default: ""
      data_format:
        description: V(cloud-config) or V(ignition). Empty means that the data tells it.
        type: str
        default: ""
      commands_as_script:
        description: Put all commands into one script, and run that.
        type: bool
        default: false
      working_dir:
        description: Directory of that script on the host.
        type: str
        default: /etc/k0smotron
      sentinel:
        description: File that the commands must have made. Empty means not looked at.
        type: str
        default: ""
      name:
        description: Name, C(namespace/name), of the machine, for templates in the data.
        type: str
        default: ""
      uid:
        description: UID of the machine, for templates in the data.
        type: str
        default: ""
      ignored:
        description: Constructs of the data to go on without.
        type: list
        elements: str
        default: []
  script:
    description: Content of each V(script) that has none of its own. It is sent once.
    type: str
    default: ""
  script_arguments:
    description: Arguments of each V(script) that has no content of its own, before its own.
    type: list
    elements: str
    default: []
  kind:
    description: What the run is for; a part of its derived id.
    type: str
    default: steps
  run_id:
    description: Names the run on the host. Empty means derived from O(kind), O(uid) and O(steps).
    type: str
    default: ""
  uid:
    description: For whom the run is; a part of its derived id.
    type: str
    default: ""
  name:
    description: The name, C(namespace/name), of the machine that the run is for. Told to others that want the host.
    type: str
    default: ""
  claim:
    description:
      - The host notes that it is used by O(uid) and O(name), before the first step, and refuses every other machine
        until a step V(forget) has ended, and V(verify) where there is one. Where neither has a UID, names are compared,
        and no name is any name.
    type: bool
    default: false
  take_over:
    description: UID or name of another machine that has the host, to take it over. V(unknown) where it has none.
    type: str
    default: ""
  state:
    description: V(present) carries out the steps; V(cancelled) ends the run if it is under way.
    type: str
    choices: [present, cancelled]
    default: present
  timeout:
    description: Seconds for the whole run on the host, then it is ended. 0 means no limit.
    type: int
    default: 0
  follow_seconds:
    description:
      - Seconds that one SSH session follows the run before it tells how far it has come; the first one 4 at most.
    type: int
    default: 10
  output_bytes:
    description: How many bytes of the end of each step's output are brought back.
    type: int
    default: 4096
  state_directory:
    description: Where the host keeps journals. Empty means C(/var/lib/capra) as root, else the user's state directory.
    type: str
    default: ""
  takeover:
    description: End another run that holds the host, instead of failing.
    type: bool
    default: false
  carry_over:
    description:
      - What an earlier run of the same O(kind) and O(uid) has finished stays done, as far as the steps at the head of
        the list are the same. The first one that is another, and all after it, run.
    type: bool
    default: false
  repeat:
    description: Run the steps again where the journal says that they have finished. For steps that may be repeated.
    type: bool
    default: false
  request_id:
    description:
      - Names what was asked for. With O(forget), the end of the run is kept on the host, in memory, until another run
        begins there that does not only look. Where an attempt with the same id has ended well, no step runs again.
    type: str
    default: ""
  restart:
    description: Run all steps, whatever a journal says. A run that is under way is followed.
    type: bool
    default: false
  sentinel:
    description: File that proves the run. Where it has gone by anything but a reboot, the run has not finished.
    type: str
    default: ""
  forget:
    description: Remove the run's own journal once it has finished and been reported.
    type: bool
    default: false
  progress:
    description: Tell each change of a step as a line of JSON.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what each step would do, and what of a Kubernetes distribution is on the host; reads only.
    support: full
  diff_mode:
    description: Shows written files, but not the content of files that only their owner may read.
    support: full
author:
  - The Capra authors (@capra-project)
"""

EXAMPLES = r"""
- name: Write a file and run a command, once
  capra.machine.steps:
    steps:
      - {kind: write, path: /etc/motd, content: "{{ 'hello' | b64encode }}", mode: "0644"}
      - {kind: command, command: "systemctl restart example"}
"""

RETURN = r"""
run_id:
  description: The id of the run; its journal is in a directory of that name on the host.
  type: str
  returned: always
steps:
  description: What became of each step. In check mode C(would) says what would happen.
  type: list
  elements: dict
  returned: always
host:
  description: What the host says of itself. What is no host name, and no address, is left out.
  type: dict
  returned: unless in check mode
  contains:
    hostname:
      description: Its name, as C(uname -n) has it.
      type: str
      sample: node-0
    addresses:
      description: The address of its own that SSH has reached, where it is not one that only the host itself can use.
      type: list
      elements: str
      sample: [192.0.2.7]
warned:
  description: What the steps' programs warn of, though they have ended well. Ansible shows it as warnings as well.
  type: list
  elements: str
  returned: when there is something
changes:
  description: What became of the ends of an earlier run, in words. Empty where there is nothing to say.
  type: str
  returned: unless in check mode
cause:
  description: Of a step that failed, the line of its output that tells why. C(msg) has it in its first line.
  returned: when a step has failed
  type: str
reason:
  description: Why the run has not finished, in one word.
  type: str
  returned: failure
claimed:
  description: The machine that uses the host, where that is the reason.
  type: dict
  returned: failure
  contains:
    uid: {description: Its UID., type: str}
    name: {description: Its name., type: str}
    since: {description: Seconds since 1970., type: int}
"""
