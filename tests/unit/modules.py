"""Where modules of the package are tested that have no test module of their own name."""

from __future__ import annotations

THEMES: dict[str, tuple[str, ...]] = {
    "clusters/test_answers.py": (
        "clusters/kubeconfig.py",
        "clusters/nodes.py",
    ),
    "clusters/test_data.py": ("clusters/config.py",),
    "clusters/test_reading.py": (
        "clusters/hosts.py",
        "local/clusters.py",
    ),
    "kube/stores/test_held_secrets.py": ("controller/reconcilers/ssh_key.py",),
    "controller/serving/test_health.py": (
        "cli/shared/remote_logs.py",
        "controller/serving/certificate.py",
        "controller/serving/output.py",
    ),
    "engine/told/test_report.py": (
        "engine/told/addresses.py",
        "engine/told/outlook.py",
    ),
    "inventory/test_ansible.py": ("inventory/imported.py",),
    "runs/kept/test_keeping.py": ("runs/kept/kept_run.py",),
    "bootstrap/test_bounds.py": (
        "bootstrap/reading/document.py",
        "bootstrap/reading/yaml_limits.py",
    ),
    "bootstrap/test_cases.py": (
        "bootstrap/__init__.py",
        "bootstrap/accounts.py",
        "bootstrap/cloud_config.py",
        "bootstrap/host_script.py",
        "bootstrap/modules/ca_certs.py",
        "bootstrap/modules/commands.py",
        "bootstrap/modules/hostname.py",
        "bootstrap/modules/locale.py",
        "bootstrap/modules/ntp.py",
        "bootstrap/modules/packages.py",
        "bootstrap/modules/users/groups.py",
        "bootstrap/modules/users/settings.py",
        "bootstrap/modules/users/user.py",
        "bootstrap/modules/write_files.py",
        "bootstrap/script.py",
        "bootstrap/userdata/archive.py",
        "bootstrap/userdata/cloud_configs.py",
        "bootstrap/userdata/kinds.py",
        "bootstrap/userdata/scripts.py",
    ),
    "bootstrap/test_disks.py": ("bootstrap/modules/devices.py",),
    "bootstrap/test_formats.py": ("bootstrap/userdata/multipart.py",),
    "bootstrap/test_ignition.py": (
        "bootstrap/ignition/__init__.py",
        "bootstrap/ignition/config.py",
        "bootstrap/ignition/document.py",
        "bootstrap/ignition/fields.py",
        "bootstrap/ignition/merge.py",
        "bootstrap/ignition/nodes.py",
        "bootstrap/ignition/passwd.py",
        "bootstrap/ignition/resource.py",
        "bootstrap/ignition/storage.py",
        "bootstrap/ignition/systemd.py",
        "bootstrap/ignition/version2.py",
    ),
    "bootstrap/test_modules.py": (
        "bootstrap/modules/ssh.py",
        "bootstrap/modules/users/__init__.py",
    ),
    "bootstrap/test_user_data.py": (
        "bootstrap/userdata/__init__.py",
        "bootstrap/userdata/parts.py",
    ),
    "cli/test_changes.py": (
        "cli/commands/bootstrap.py",
        "cli/shared/change.py",
        "cli/commands/cleanup.py",
        "cli/output/display.py",
        "cli/output/result.py",
        "cli/shared/work.py",
        "testing/hosts.py",
    ),
    "cli/test_doctor.py": (
        "local/doctor.py",
        "runs/doctor.py",
    ),
    "cli/test_help.py": (
        "cli/__init__.py",
        "cli/app.py",
        "cli/commands/controller.py",
        "cli/flags.py",
        "cli/loading.py",
        "cli/options/common.py",
        "cli/options/controller.py",
    ),
    "cli/test_hooks.py": ("cli/shared/planning.py",),
    "cli/test_questions.py": (
        "cli/commands/ansible_path.py",
        "cli/commands/cancel.py",
        "cli/output/listing.py",
        "cli/shared/once.py",
        "cli/commands/plan.py",
        "cli/commands/preflight.py",
        "cli/commands/trust.py",
    ),
    "cli/test_remembered.py": (
        "cli/shared/cluster.py",
        "cli/commands/forget.py",
        "cli/commands/status.py",
    ),
    "cli/test_run.py": ("cli/terminal_log.py",),
    "controller/leadership/test_lease_faults.py": ("controller/leadership/election.py",),
    "controller/reconcilers/test_node.py": (
        "kube/objects/cluster_api.py",
        "kube/stores/workloads/nodes.py",
    ),
    "controller/test_line.py": (
        "controller/reconcilers/machine.py",
        "controller/reconcilers/pool_entry.py",
    ),
    "controller/test_watches.py": ("controller/controller.py",),
    "controller/test_watching.py": ("controller/series.py",),
    "engine/causes/test_remedies.py": (
        "engine/causes/sessions.py",
        "engine/causes/steps.py",
    ),
    "engine/hooks/test_day_two.py": (
        "engine/hooks/noting.py",
        "engine/hooks/report.py",
    ),
    "engine/test_decide.py": (
        "engine/deletion.py",
        "engine/holding.py",
        "engine/hooks/deciding.py",
        "model/machine.py",
        "model/observation.py",
    ),
    "engine/test_engine.py": (
        "engine/defaults.py",
        "engine/records.py",
        "testing/runner.py",
    ),
    "kube/objects/probes/test_entry_status.py": ("model/probe.py",),
    "engine/test_judge.py": (
        "engine/outcome.py",
        "model/run.py",
    ),
    "engine/test_plan.py": ("engine/requests.py",),
    "kube/cache/test_claims.py": (
        "kube/objects/places.py",
        "kube/objects/pool_entries.py",
    ),
    "kube/cache/test_standing.py": (
        "controller/serving/census.py",
        "kube/cache/entry_state.py",
    ),
    "kube/cache/test_sync.py": ("kube/client/resources.py",),
    "kube/client/test_bounds.py": (
        "kube/client/api.py",
        "kube/client/bounded.py",
    ),
    "kube/client/test_workload.py": ("kube/client/kubeconfig.py",),
    "kube/stores/test_following.py": ("kube/objects/fields.py",),
    "kube/stores/test_giving_back.py": ("kube/stores/pool_entries.py",),
    "kube/stores/test_machines.py": ("kube/cache/writer.py",),
    "local/reading/test_key_files.py": ("local/reading/keys.py",),
    "local/test_prepare.py": ("local/reading/option_files.py",),
    "local/test_state.py": (
        "local/known_hosts.py",
        "local/store.py",
    ),
    "model/keys/test_ssh_key.py": ("model/keys/pem.py",),
    "model/manifest/test_manifest_cases.py": (
        "local/reading/manifests.py",
        "model/manifest/base.py",
        "model/manifest/machines.py",
        "model/manifest/others.py",
    ),
    "model/test_addresses.py": ("model/checks.py",),
    "plugins/test_evidence.py": ("runs/evidence.py",),
    "runs/hooks/test_surroundings.py": ("runs/hooks/watch.py",),
    "runs/redaction/test_redact.py": (
        "runs/redaction/needles.py",
        "runs/redaction/views.py",
    ),
    "runs/test_ends.py": (
        "runs/finishing.py",
        "runs/runner.py",
    ),
    "runs/test_runs.py": (
        "runs/directory/artifacts.py",
        "runs/directory/layout.py",
        "runs/events.py",
    ),
    "runs/test_warm_parents.py": ("runs/warm/parents.py",),
    "settings/test_terminal.py": ("settings/reading.py",),
}
"""By theme: the test module that carries out most of their lines (coverage, a context for each test)."""

ELSEWHERE = {
    **dict.fromkeys(
        (
            "cli/commands/down.py",
            "cli/shared/joining.py",
            "cli/shared/phases.py",
            "cli/shared/ready.py",
        ),
        "e2e/test_up.py",
    ),
    **dict.fromkeys(
        (
            "cli/commands/import_k0sctl.py",
            "cli/shared/imports.py",
            "cli/commands/pool_import.py",
            "cli/output/yaml_output.py",
            "local/inventories/keys.py",
            "local/inventories/machines.py",
            "runs/inventories/listing.py",
        ),
        "component/test_inventories.py",
    ),
    **dict.fromkeys(
        ("cli/commands/pool_export.py", "kube/objects/inventory.py", "kube/stores/inventory.py"),
        "component/controller/test_inventory.py",
    ),
    "controller/main.py": "component/controller/test_election.py",
    "runs/warm/client.py": "component/test_warm_runs.py",
    "runs/warm/launch.py": "component/test_warm_runs.py",
    "runs/warm/parent.py": "component/test_warm_runs.py",
    "runs/warm/play.py": "component/test_warm_runs.py",
    "runs/warm/worker.py": "component/test_warm_runs.py",
    "runs/worker.py": "component/test_warm_runs.py",
}
"""Processes of their own, with the processes that they talk to: `ansible-inventory`, an API server, a worker."""

TYPES = frozenset(
    {
        "cli/options/ansible_path.py",
        "cli/options/bootstrap.py",
        "cli/options/cancel.py",
        "cli/options/cleanup.py",
        "cli/options/down.py",
        "cli/options/forget.py",
        "cli/options/import_k0sctl.py",
        "cli/options/plan.py",
        "cli/options/pool_export.py",
        "cli/options/pool_import.py",
        "cli/options/preflight.py",
        "cli/options/status.py",
        "cli/options/trust.py",
        "controller/reconcilers/reconciler.py",
        "engine/decisions.py",
        "engine/ports.py",
        "kube/cache/known.py",
        "model/finding.py",
    }
)
"""They hold types only: there is nothing to carry out."""
