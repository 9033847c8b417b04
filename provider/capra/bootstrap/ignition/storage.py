"""`storage`: files, directories and links → steps, in Ignition's order (internal/exec/stages/files).

What is written as a file step is taken back by a cleanup; directories, links and fetched files are not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from capra.bootstrap.host_script import host_script
from capra.bootstrap.ignition.fields import JSONObject
from capra.bootstrap.ignition.nodes import Directory, File, FileNode, Link, read_nodes
from capra.bootstrap.ignition.resource import Budget, Remote
from capra.bootstrap.steps import DEFAULT_FILE_MODE, Step, WriteFile

_DISKS = ("disks", "raid", "luks", "filesystems")
_SOURCE = "storage"


def nodes_of_storage(storage: JSONObject, budget: Budget, *, unique: bool) -> list[FileNode]:
    """unique: a path may stand there once. Raises InputError."""
    for name in _DISKS:
        storage.refuse(name, "is not supported: the host's disks are as they are; set them up before")
    storage.only("files", "directories", "links", *_DISKS)
    return read_nodes(storage, budget, unique=unique)


def look_for_files(found: Iterable[FileNode]) -> list[Step]:
    """Fails where a file stands in the way, before anything is changed.

    Ignition fails for a file that is there already, whatever its content, unless `overwrite` is true. It runs once; a
    step may run twice, so that a file which has the content already is no error here."""
    lines = []
    for node in found:
        if isinstance(node, File) and not node.overwrite:
            lines.append(f"{_digest(node)} {node.path}\n")
    if not lines:
        return []
    return [
        host_script("ignition/look", _SOURCE, "look for files in the way", {"FILES": "".join(lines)}, public=("FILES",))
    ]


def _digest(file: File) -> str:
    """The algorithm and digest of what the file is to become, or `-` where it is kept, and must be a file."""
    if file.content is None:
        return "- -"
    if isinstance(file.content, Remote):
        return f"{file.content.algorithm} {file.content.digest}"
    return f"sha256 {hashlib.sha256(b''.join((file.content, *file.appended))).hexdigest()}"


def storage_steps(found: Sequence[FileNode], *, in_lists: bool) -> list[Step]:
    """From the shallowest path to the deepest, as Ignition sorts them, hard links last. in_lists: as version 2 has it,
    all directories, then all files, then all links."""
    if in_lists:
        directories = sorted((node for node in found if isinstance(node, Directory)), key=lambda node: node.depth)
        ordered: list[FileNode] = [*directories, *(node for node in found if not isinstance(node, Directory))]
    else:
        ordered = sorted(found, key=lambda node: (isinstance(node, Link) and node.hard, node.depth))
    replacing = [node.path for node in ordered if isinstance(node, File) and node.overwrite]
    clear = [clear_way(replacing, _SOURCE)] if replacing else []
    return [*clear, *map(_node, ordered)]


def _node(node: FileNode) -> Step:
    if isinstance(node, File):
        return _file(node)
    overwrite = "yes" if node.overwrite else ""
    if isinstance(node, Directory):
        variables = {"DIRECTORY": node.path, "MODE": node.mode, "OWNER": node.owner, "OVERWRITE": overwrite}
        return host_script(
            "ignition/directory",
            node.place.field,
            f"make the directory {node.path}",
            variables,
            variables,
            before=["path"],
        )
    if not isinstance(node, Link):
        raise TypeError(node)
    variables = {
        "LINK": node.path,
        "TARGET": node.target,
        "HARD": "yes" if node.hard else "",
        "OWNER": node.owner,
        "OVERWRITE": overwrite,
    }
    return host_script(
        "ignition/link", node.place.field, f"make the link {node.path}", variables, variables, before=["path"]
    )


def _file(file: File) -> Step:
    source = file.place.field
    if isinstance(file.content, Remote):
        return _fetch(file, file.content)
    content = b"".join((file.content or b"", *file.appended))
    if file.content is None:
        return WriteFile(file.path, content, file.mode, file.owner, append=True, source=source)
    return WriteFile(file.path, content, file.mode or DEFAULT_FILE_MODE, file.owner, source=source)


def _fetch(file: File, content: Remote) -> Step:
    variables = {
        "FILE": file.path,
        "URL": content.url,
        "ALGORITHM": content.algorithm,
        "DIGEST": content.digest,
        "GZIPPED": "yes" if content.gzipped else "",
        "MODE": file.mode or DEFAULT_FILE_MODE,
        "OWNER": file.owner,
    }
    public = variables.keys() - {"URL"}
    return host_script("ignition/fetch", file.place.field, f"fetch {file.path}", variables, public, before=["path"])


def clear_way(paths: Iterable[str], source: str) -> Step:
    """Removes links and directories where files are to be: a file step would follow the one, and fail for the other."""
    lines = "".join(f"{path}\n" for path in paths)
    return host_script(
        "ignition/clear",
        source,
        "make room for files that replace others",
        {"FILES": lines},
        ("FILES",),
        before=["path"],
    )
