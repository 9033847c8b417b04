"""What README.md and docs/ show and link to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.kube.client.kubeconfig import LONGEST, REFUSED_OF_CLUSTER, REFUSED_OF_USER
from capra.kube.client.resources import QUARANTINED
from capra.model.machine import GIVE_UP_ANNOTATION, HOST_KEYS_ANNOTATION, PREFIX, TAKE_OVER_ANNOTATION
from tests.controlplane import assets

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    fence = re.compile(rf"^( *)```{language}\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
    return [found[1] for found in fence.findall(page.read_text())]


def examples() -> Iterator[Any]:
    """Every object of the example files that a cluster takes."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            if "kind" in one:
                yield one


def contained(part: Any, whole: Any) -> bool:
    """part has nothing that whole has not."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and contained(value, whole[key]) for key, value in part.items())
    return bool(part == whole)


def anchors(page: Path) -> set[str]:
    """What a link into the page may name, as GitHub makes it of the headings."""
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("block", blocks(ROOT / "README.md", "yaml"), ids=lambda block: block.split("\n", 1)[0])
def test_a_manifest_in_the_readme_is_part_of_an_example(block: str) -> None:
    documents = list(yaml.safe_load_all(block))
    assert documents
    for one in documents:
        assert any(contained(one, whole) for whole in examples()), one


@pytest.mark.parametrize("block", blocks(ROOT / "docs" / "guide" / "hooks.md", "yaml"))
def test_the_manifest_in_the_guide_to_hooks_is_part_of_its_example(block: str) -> None:
    (shown,) = yaml.safe_load_all(block)
    whole = [one for one in examples() if one["metadata"]["name"] == shown["metadata"]["name"]]
    assert len(whole) == 1
    assert contained(shown, whole[0])


def test_the_readme_shows_manifests() -> None:
    kinds = {one["kind"] for block in blocks(ROOT / "README.md", "yaml") for one in yaml.safe_load_all(block)}
    assert {"RemoteMachine", "Machine", "PooledRemoteMachine", "RemoteMachineTemplate", "Secret"} <= kinds


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_a_file_that_a_command_of_the_readme_names_exists() -> None:
    named = {word for block in blocks(ROOT / "README.md", "sh") for word in block.split() if word.startswith("docs/")}
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_an_annotation_that_the_readme_tells_to_set_is_one_that_the_controller_knows() -> None:
    named = set(re.findall(rf"{re.escape(PREFIX)}([\w-]+)", (ROOT / "README.md").read_text()))
    assert {f"{PREFIX}{name.removesuffix('-')}" for name in named} == {
        GIVE_UP_ANNOTATION,
        HOST_KEYS_ANNOTATION,
        QUARANTINED,
        TAKE_OVER_ANNOTATION,
    }


def test_the_guide_names_all_that_is_refused_of_a_kubeconfig() -> None:
    guide = (ROOT / "docs" / "guide" / "install.md").read_text()
    refused = guide.partition("Capra refuses")[2].partition(";")[0]
    assert set(re.findall(r"`([\w-]+)`", refused)) == {*REFUSED_OF_USER, *REFUSED_OF_CLUSTER}
    assert f"more than {LONGEST // 1024} KiB" in guide


def test_the_guide_names_the_versions_that_are_tested() -> None:
    guide = (ROOT / "docs" / "guide" / "install.md").read_text()
    table = guide.partition("## Versions\n")[2].partition("\n\n")[0]
    tested = {cells[1].strip(): cells[2].strip() for cells in (row.split("|") for row in table.splitlines())}
    for what, version in {
        "Kubernetes of the management cluster": assets.KUBERNETES_VERSION,
        "Cluster API": assets.CLUSTER_API_VERSION,
        "Cluster API Operator": assets.CLUSTER_API_OPERATOR_VERSION,
        "Helm": assets.HELM_VERSION,
    }.items():
        assert re.split("[: ]", tested[what])[0] == version


def test_the_guide_quotes_the_log_on_nodes_as_it_is() -> None:
    guide = (ROOT / "docs" / "guide" / "install.md").read_text()
    quoted = re.findall(r"`([^`]+)`", guide.partition("log says why, once:")[2].partition("\n\n")[0])
    source = (ROOT / "provider" / "capra" / "controller" / "reconcilers" / "node.py").read_text()
    assert set(re.findall(r"log\.warning\(\"([^\"]+)\"", source)) == set(quoted)


def test_all_yaml_of_the_pages_can_be_read() -> None:
    for page in PAGES:
        for block in blocks(page, "yaml"):
            assert list(yaml.safe_load_all(block)), block
