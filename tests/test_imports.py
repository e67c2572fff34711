"""The folder says which process a line runs in, and imports run one way: direct, and through others."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "torchvision", "diffusers", "transformers", "peft", "accelerate", "ultralytics"}
OURS = {"bot", "cogs", "gpu", "storage", "tests"}
TORCHLESS = {  # in a room of torch, and used from outside too
    f"gpu.studio.{name}" for name in ("plan", "exclusions", "phrases", "things", "gate", "examples", "crop", "hub")
}

Process = Literal["bot", "child", "both", "build"]


@dataclass(frozen=True)
class Room:
    """`may_import`: folders whole, "gpu/" only the files that lie in it."""

    process: Process
    may_import: tuple[str, ...]
    heavy: bool = False


ROOMS = {
    "bot": Room("bot", ("cogs", "storage", "gpu/", "gpu.line")),
    "cogs": Room("bot", ("cogs", "storage", "gpu/", "gpu.line")),
    "storage": Room("bot", ("storage", "gpu/", "gpu.line.journal", "gpu.line.schedule")),
    "gpu": Room("both", ("gpu/",)),
    "gpu.line": Room("bot", ("gpu/", "gpu.line")),
    "gpu.worker": Room("child", ("gpu/", "gpu.worker")),
    "gpu.worker.__main__": Room("child", ("gpu/", "gpu.worker", "gpu.studio")),
    "gpu.studio": Room("child", ("gpu/", "gpu.studio"), heavy=True),
    "gpu.pocket": Room("build", ()),
    "gpu.pocket.world": Room("build", ("gpu.pocket.world",)),
    "gpu.pocket.build": Room("build", ("gpu/", "gpu.studio", "gpu.pocket.world", "gpu.pocket.build"), heavy=True),
}
MEETS: dict[Process, set[Process]] = {
    "bot": {"bot", "both"},
    "child": {"child", "both"},
    "both": {"both"},
    "build": {"build", "child", "both"},  # a program of its own, which uses the studio
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {
    name_of(path): path
    for path in [
        ROOT / "bot.py",
        *(path for room in ("cogs", "gpu", "storage") for path in (ROOT / room).rglob("*.py")),
    ]
}
names = pytest.mark.parametrize("name", sorted(FILES))


def room_of(name: str) -> Room:
    """The innermost one."""
    while name not in ROOMS:
        name = name.rpartition(".")[0]
    return ROOMS[name]


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Full names of modules: "gpu.pets" for `from gpu import pets` and for `from gpu.pets import Photo`."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports are absolute"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (whole & FILES.keys()) or {node.module}
    return found


def at_module_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything but the insides of functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from at_module_level(node)


def parsed(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text())


AT_START = {name: imported(at_module_level(parsed(name))) for name in FILES}


def reached(name: str) -> set[str]:
    """Everything that is imported when `name` is: what it names, what that names, and the packages around each."""
    seen, todo = set[str](), [name]
    while todo:
        if (one := todo.pop()) not in seen:
            seen.add(one)
            todo += [*AT_START.get(one, ()), *filter(None, [one.rpartition(".")[0]])]
    return seen - {name}


def allows(room: Room, name: str) -> bool:
    return any(
        name == one.rstrip("/") or (one == "gpu/" and name.count(".") == 1) or name.startswith(f"{one}.")
        for one in room.may_import
    )


@names
def test_imports_run_one_way(name: str):
    """Inside functions, too."""
    ours = {one for one in imported(ast.walk(parsed(name))) if one.split(".")[0] in OURS}
    assert not {one for one in ours if not (one in FILES and allows(room_of(name), one))}


@names
def test_nothing_of_the_other_process_comes_along(name: str):
    ours = {one for one in reached(name) if one in FILES}
    assert {room_of(one).process for one in ours} <= MEETS[room_of(name).process]


@names
def test_heavy_libraries_stay_in_their_rooms(name: str):
    light = not room_of(name).heavy or name in TORCHLESS
    assert not (light and {one.split(".")[0] for one in reached(name)} & HEAVY)


@names
def test_discord_is_for_cogs_and_sql_for_storage(name: str):
    roots = {one.split(".")[0] for one in imported(ast.walk(parsed(name)))}
    assert "discord" not in roots or name.split(".")[0] in ("bot", "cogs")
    assert not roots & {"sqlite3", "aiosqlite"} or name.split(".")[0] == "storage"


def test_a_wrong_import_would_be_found(monkeypatch: pytest.MonkeyPatch):
    """Through others too: this is what the rules above are for."""
    monkeypatch.setitem(AT_START, "gpu.pets", {"gpu.studio.models"})
    assert "torch" in reached("cogs.admin") & HEAVY
    assert "gpu.studio.models" in reached("storage.jobs")
    assert not allows(ROOMS["gpu.line"], "gpu.studio.models")
    assert not allows(ROOMS["cogs"], "gpu.worker.control")
    assert not allows(ROOMS["gpu.worker"], "gpu.studio.studio")


def test_ultralytics_neither_asks_nor_installs_anything_whoever_starts_us():
    """systemd gives us none of the Makefile's variables; the package's own file runs before any module in it."""
    code = "import gpu.studio, os; print(*(os.environ.get(name) for name in ('YOLO_OFFLINE', 'YOLO_AUTOINSTALL')))"
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "0"]
