"""Who may import whom, who may touch whose private parts, and that tests can be collected."""

import ast
import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import gan_cluster

ROOT = Path(gan_cluster.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
LOWEST = {"networks", "codes", "objectives"}
MAY_IMPORT = {
    "networks": {"networks"},
    "codes": set(),
    "objectives": set(),
    "training": {"training", *LOWEST, "_folder", "_seeds", "_version"},
}


def _only_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _statements(node):
    """All nodes below one, but for what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if not _only_for_types(child):
            yield child
            yield from _statements(child)


def _imported(name):
    """Modules that one imports, also within functions; of a package's names, their module."""
    for node in _statements(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def _part(module):
    """The folder or file of the package that a module lies in; "" is the package itself."""
    return [*module.split("."), ""][1]


def test_modules_are_found():
    assert {"gan_cluster", "gan_cluster.codes", "gan_cluster.training.net"} <= MODULES.keys()
    assert "gan_cluster.codes" in _imported("gan_cluster.training.net")
    assert "skorch" in _imported("gan_cluster.training.loop")


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_nothing_is_imported_from_above(part):
    mine = [name for name in MODULES if name != "gan_cluster" and _part(name) == part]
    assert mine
    for name in mine:
        ours = {found for found in _imported(name) if found.split(".")[0] == "gan_cluster"}
        assert {_part(found) for found in ours} <= MAY_IMPORT[part], f"{name}: {sorted(ours)}"


@pytest.mark.parametrize("part", sorted(LOWEST))
def test_networks_codes_and_objectives_need_torch_alone(part):
    for name in MODULES:
        if _part(name) == part:
            roots = {found.split(".")[0] for found in _imported(name)}
            assert not roots & {"sklearn", "skorch", "scipy"}, name


def test_no_import_is_circular():
    graph = {name: {found for found in _imported(name) if found in MODULES} for name in MODULES}
    try:
        order = [*TopologicalSorter(graph).static_order()]
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))
    assert sorted(order) == sorted(MODULES)


def _readers():
    """Modules that read an estimator or a net from outside."""
    for name in MODULES:
        if _part(name) in {"inspection", "metrics"}:
            yield name
    yield from ("gan_cluster.persistence", "gan_cluster.training.callbacks")


@pytest.mark.parametrize("name", sorted(_readers()))
def test_private_attributes_are_not_read_from_outside(name):
    for node in _statements(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            is_own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            is_special = node.attr.startswith("__") and node.attr.endswith("__")
            assert is_own or is_special, f"line {node.lineno}: {ast.unparse(node)}"


def test_tests_are_collected_beside_packages_that_warn_when_imported(tmp_path):
    package = tmp_path / "torch_geometric"  # skorch imports it where it is there
    (package / "data").mkdir(parents=True)
    warns = "import warnings; warnings.warn('old', DeprecationWarning, stacklevel=2)\n"
    (package / "__init__.py").write_text(warns)
    (package / "data" / "__init__.py").write_text("class Data: ...\n")
    tests = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (tmp_path, *sys.path)))}
    collect = [sys.executable, "-m", "pytest", "-n", "0", "--collect-only", tests / "test_gpu.py"]
    found = subprocess.run(collect, cwd=tests, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "test_gpu.py::" in found.stdout
