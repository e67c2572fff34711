"""Imports run one way, and the heavy libraries stay in the rooms that need them (DESIGN, "Rooms")."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [
    ROOT / "bot.py",
    *(path for room in ("cogs", "gpu", "storage") for path in sorted((ROOT / room).rglob("*.py"))),
]

HEAVY = {"torch", "torchvision", "diffusers", "transformers", "peft", "accelerate", "ultralytics"}
STARRED = {
    "models",
    "segment",
    "dataset",
    "tokens",
    "lesson",
    "train",
    "adapter",
    "rewrite",
    "generate",
    "likeness",
    "worker",
}
SHARED = {"gpu.types", "gpu.errors", "gpu.line"}  # storage: values, and the line's journal and its errors
ARROWS = {
    "gpu": {"gpu"},
    "storage": {"storage", *SHARED},
    "cogs": {"cogs", "storage", *SHARED, "gpu.styles", "gpu.log"},
    "bot": {"cogs", "storage", "gpu"},
}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(nodes: Iterator[ast.AST], own: str) -> set[str]:
    """Full names of what is imported: "gpu.types" for `from gpu import types` and `from gpu.types import Photo`."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{own}: imports are absolute"
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names} if "." not in module else {module}
    return names


def at_module_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything but the insides of functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from at_module_level(node)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path):
    names = imported(ast.walk(ast.parse(path.read_text())), path.name)
    ours = {name for name in names if name.split(".")[0] in {"bot", "cogs", "gpu", "storage", "tests"}}
    allowed = ARROWS[room(path)]
    assert not {name for name in ours if not any(f"{name}.".startswith(f"{one}.") for one in allowed)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_libraries_stay_in_their_files(path: Path):
    inside = path.relative_to(ROOT)
    starred = (inside.parent == Path("gpu") and path.stem in STARRED) or inside.match("gpu/pocket/build*.py")
    names = imported(at_module_level(ast.parse(path.read_text())), path.name)
    assert starred or not {name.split(".")[0] for name in names} & HEAVY


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_discord_is_for_cogs_and_sql_for_storage(path: Path):
    roots = {name.split(".")[0] for name in imported(ast.walk(ast.parse(path.read_text())), path.name)}
    assert "discord" not in roots or room(path) in ("bot", "cogs")
    assert not roots & {"sqlite3", "aiosqlite"} or room(path) == "storage"
