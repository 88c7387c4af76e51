"""Datasets are written through `rooted` and `files`, which follow no link; nothing goes round them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

ROUND = {
    "data/edit/build.py": "a folder of its own name grows beside the dataset and takes its place",
    "data/format/exchange.py": "gives whole datasets their names, in a folder of its own, and removes that folder",
    "data/edit/hdf5.py": "empties the folder that grows, which it made itself",
    "data/record/marks.py": "appends to a file of the episode in progress, never over a link",
    "data/format/lock.py": "makes the folder of a dataset that is to be",
    "data/record/opening.py": "takes away empty folders that were not there before",
}
MAKES = {
    "mkdir",
    "rename",
    "rmdir",
    "unlink",
    "write_text",
    "write_bytes",
    "touch",
    "symlink_to",
    "hardlink_to",
    "chmod",
}
OS = {("os", name) for name in ("replace", "link", "symlink", "truncate", "removedirs", "makedirs")}
SHUTIL = {"rmtree", "move", "copy", "copy2", "copyfile", "copytree"}


def ways_round(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr == "O_CREAT":
            yield "O_CREAT"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = ast.unparse(node.func.value), node.func.attr
            modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            opens = name == "open" and owner != "av" and any(set(mode) <= set("wax+bt") for mode in modes)
            moves = (owner, name) in OS or (owner == "shutil" and name in SHUTIL)
            if opens or moves or (name in MAKES and owner != "rooted"):
                yield f"{owner}.{name}"


def test_nothing_in_data_writes_by_name(tree):
    found = {}
    for path in tree.files(".py", under="python/motorium/data"):
        what = sorted(set(ways_round(tree.module(path))))
        name = path.relative_to(tree.root / "python/motorium").as_posix()
        if what and name not in ROUND:
            found[name] = what
    assert not found, "use motorium.rooted, or motorium.files with root="


def test_whole_files_of_a_dataset_are_told_where_it_begins(tree):
    for path in tree.files(".py", under="python/motorium/data"):
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"write_whole", "write_json"}:
                told = any(keyword.arg == "root" for keyword in node.keywords)
                assert told or path.name == "report.py", f"{path.name}, line {node.lineno}: root= is missing"
