"""A zip of a pet: what lies in it, and what a stranger's zip may not be. Nothing of a refused one is left."""

import errno
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gpu.adapter_files import KOHYA_FILE, LORA_FILE, RECIPE_FILE, ROWS_FILE
from gpu.adapter_zip import ZipRefused, file_name, pack, unpack
from tests.helpers.adapter_folder import write_adapter

Entries = dict[str, bytes]
ROWS = (("clip_l", 0), ("clip_g", 64))  # where they begin


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    write_adapter(folder, seed=1, steps=20)
    return folder


@pytest.fixture
def zipped(adapter: Path, tmp_path: Path) -> Path:
    pack(adapter, "rex", "# the page", tmp_path / "rex.zip")
    return tmp_path / "rex.zip"


def entries(zipped: Path) -> Entries:
    with zipfile.ZipFile(zipped) as given:
        return {info.filename: given.read(info) for info in given.infolist()}


def written(path: Path, content: Entries, kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as made:
        for name, data in content.items():
            made.writestr(name, data)
    return path


def files(folder: Path) -> Entries:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(zipped: Path, tmp_path: Path) -> str:
    """Why; and that nothing is left of it."""
    with pytest.raises(ZipRefused) as caught:
        unpack(zipped, tmp_path / "job" / "adapter")
    assert not [path for path in (tmp_path / "job").rglob("*") if path.is_file()]
    return caught.value.reason


def test_each_file_is_named_after_its_pet_and_the_page_comes_along(zipped: Path, adapter: Path) -> None:
    assert [*entries(zipped)] == [
        "README.md", "diffusers/rex.safetensors", "lora/rex.safetensors", "embeddings/rex.safetensors",
        "bundle/rex-bundle.safetensors", "recipe.json",
    ]  # fmt: skip
    assert entries(zipped)["README.md"] == b"# the page"
    assert entries(zipped)["diffusers/rex.safetensors"] == (adapter / LORA_FILE).read_bytes()
    assert {path.name for path in zipped.parent.iterdir()} == {"adapter", "rex.zip"}, "nothing else is left"


def test_the_same_adapter_is_the_same_zip_and_comes_back_as_it_was(zipped: Path, adapter: Path, tmp_path: Path) -> None:
    recipe = unpack(zipped, tmp_path / "back")
    assert (recipe.tokens, recipe.class_word, recipe.steps) == (("<s0>", "<s1>"), "dog", 20)
    assert files(tmp_path / "back") == files(adapter)
    pack(tmp_path / "back", "rex", "# the page", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == zipped.read_bytes()


@pytest.mark.parametrize(
    ("called", "slug"),
    [("Rex", "rex"), ("Élodie O'Hara", "elodie-o-hara"), ("보리", "pet"), ("../../etc", "etc"), ("x" * 60, "x" * 24)],
)
def test_a_name_is_plain_and_no_two_pets_have_the_same(called: str, slug: str, adapter: Path, tmp_path: Path) -> None:
    name, other = file_name(adapter, called), tmp_path / "other"
    assert name[:-7] == slug and name == file_name(adapter, called)
    other.mkdir()
    write_adapter(other, seed=2, steps=20)
    assert file_name(other, called)[:-6] == name[:-6] and file_name(other, called) != name


def test_a_zip_that_was_packed_anew_is_taken(zipped: Path, adapter: Path, tmp_path: Path) -> None:
    """In a folder, compressed, without the files that are made of others, and with what a system adds."""
    kept = {f"rex/{name}": data for name, data in entries(zipped).items() if name[0] not in "lbR"}
    kept |= {"__MACOSX/rex/diffusers/._rex.safetensors": b"x", "rex/.DS_Store": b"x", "rex/notes.txt": b"sit!"}
    unpack(written(tmp_path / "anew.zip", kept), tmp_path / "back")
    assert files(tmp_path / "back") == files(adapter)


def test_what_is_no_zip_is_told(tmp_path: Path, zipped: Path) -> None:
    for content in (b"", b"dear diary", b"PK", zipped.read_bytes()[:-40]):
        (tmp_path / "bad.zip").write_bytes(content)
        assert refused(tmp_path / "bad.zip", tmp_path) == "no_zip"


@pytest.mark.parametrize("lost", ["diffusers/rex.safetensors", "embeddings/rex.safetensors", "recipe.json"])
def test_what_is_missing_is_told(lost: str, zipped: Path, tmp_path: Path) -> None:
    kept = {name: data for name, data in entries(zipped).items() if name != lost}
    assert refused(written(tmp_path / "bad.zip", kept), tmp_path) == "incomplete"


def test_a_pickle_is_never_read(zipped: Path, tmp_path: Path) -> None:
    kept = {
        name.replace("diffusers/rex.safetensors", "diffusers/rex.bin"): one for name, one in entries(zipped).items()
    }
    assert refused(written(tmp_path / "bad.zip", kept), tmp_path) == "incomplete"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:/x", "a\\..\\x"])
def test_no_way_leads_out_of_the_folder(name: str, zipped: Path, tmp_path: Path) -> None:
    assert refused(written(tmp_path / "bad.zip", entries(zipped) | {name: b"x"}), tmp_path) == "unsafe"


def test_links_passwords_and_two_of_a_kind_are_refused(zipped: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("diffusers/x.safetensors")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    locked = zipfile.ZipInfo("x")
    for info in (link, locked):
        bad = written(tmp_path / "bad.zip", entries(zipped))
        with zipfile.ZipFile(bad, "a") as made:
            made.writestr(info, "/etc/passwd")
        if info is locked:  # the flag of a password, in the list of entries
            data = bytearray(bad.read_bytes())
            data[data.rindex(b"PK\1\2") + 8] |= 1
            bad.write_bytes(data)
        assert refused(bad, tmp_path) == "unsafe"
    two = entries(zipped) | {"embeddings/other.safetensors": b"x"}
    assert refused(written(tmp_path / "bad.zip", two), tmp_path) == "unsafe"
    assert refused(written(tmp_path / "bad.zip", entries(zipped), zipfile.ZIP_LZMA), tmp_path) == "unsafe"


def test_bombs_are_not_unpacked(zipped: Path, tmp_path: Path) -> None:
    """One that says how much it holds, one that lies, and one of a hundred thousand entries."""
    bomb = entries(zipped) | {"embeddings/rex.safetensors": bytes(2 << 20)}
    assert refused(written(tmp_path / "bad.zip", bomb), tmp_path) == "too_big"
    liar = bytearray(written(tmp_path / "bad.zip", bomb).read_bytes())
    said = (2 << 20).to_bytes(4, "little")
    while (at := liar.find(said)) >= 0:
        liar[at : at + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "bad.zip").write_bytes(liar)
    assert refused(tmp_path / "bad.zip", tmp_path) == "damaged"
    many = entries(zipped) | {f"{number}": b"" for number in range(101)}
    assert refused(written(tmp_path / "bad.zip", many), tmp_path) == "too_big"
    many |= {f"{number:0100}": b"" for number in range(1000)}
    assert refused(written(tmp_path / "bad.zip", many), tmp_path) == "too_big"


def test_a_flipped_bit_is_found(zipped: Path, tmp_path: Path) -> None:
    data = bytearray(zipped.read_bytes())
    data[data.find(b"lora_A") + 400] ^= 1
    (tmp_path / "bad.zip").write_bytes(data)
    assert refused(tmp_path / "bad.zip", tmp_path) == "damaged"


def strange_name(data: bytes) -> bytes:
    """A name that is said to be UTF-8, and is not."""
    listed = data.find(b"PK\1\2")
    changed = bytearray(data)
    changed[listed + 9] |= 0x08
    changed[listed + 46] = 0xFF
    return bytes(changed)


def far_away(data: bytes) -> bytes:
    """The last entry is said to begin where no file reaches."""
    listed, end = data.rfind(b"PK\1\2"), data.rfind(b"PK\5\6")
    changed = bytearray(data[:end] + struct.pack("<HHQ", 1, 8, 2**63 + 9) + data[end:])
    changed[listed + 30] = 12
    changed[listed + 42 : listed + 46] = b"\xff" * 4
    struct.pack_into("<L", changed, end + 12 + 12, struct.unpack_from("<L", data, end + 12)[0] + 12)
    return bytes(changed)


@pytest.mark.parametrize("broken", [strange_name, far_away, lambda data: data[500:]])
def test_a_zip_that_nobody_packed_so_is_damaged(broken: Callable[[bytes], bytes], zipped: Path, tmp_path: Path) -> None:
    zipped.write_bytes(broken(zipped.read_bytes()))
    assert refused(zipped, tmp_path) == "damaged"


def test_our_own_disk_is_not_the_zips_fault(zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(zipped, tmp_path / "job" / "adapter")


def test_a_kill_leaves_no_half_adapter(zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder appears whole: whatever is there before it bears another name, and goes with the next try."""
    seen: list[set[str]] = []
    replace = Path.replace

    def watched(fresh: Path, target: Path) -> Path:
        seen.append({path.name for path in fresh.iterdir()})
        return replace(fresh, target)

    monkeypatch.setattr(Path, "replace", watched)
    unpack(zipped, tmp_path / "job" / "adapter")
    assert seen == [{LORA_FILE, ROWS_FILE, RECIPE_FILE, KOHYA_FILE}]


def no_pair(lora: dict[str, Any]) -> None:
    del lora[next(name for name in lora if ".lora_B." in name)]


def two_ranks(lora: dict[str, Any]) -> None:
    name = next(name for name in lora if ".lora_B." in name)
    lora[name] = np.concatenate([lora[name], lora[name]], axis=1)


def huge_rank(lora: dict[str, Any]) -> None:
    for name in [*lora]:
        del lora[name]
    lora |= {"unet.a.lora_A.weight": np.zeros((300, 2), "f4"), "unet.a.lora_B.weight": np.zeros((2, 300), "f4")}


def other_numbers(lora: dict[str, Any]) -> None:
    name = next(iter(lora))
    lora[name] = lora[name].astype(np.float64)


def other_name(lora: dict[str, Any]) -> None:
    lora["text_encoder.a.lora_A.weight"] = np.zeros((2, 2), "f4")


def nothing(lora: dict[str, Any]) -> None:
    lora[next(iter(lora))] = np.zeros((0, 8), "f4")


@pytest.mark.parametrize("change", [no_pair, two_ranks, huge_rank, other_numbers, other_name, nothing])
def test_tensors_that_are_no_lora_are_refused(
    change: Callable[[dict[str, Any]], None], adapter: Path, zipped: Path, tmp_path: Path
) -> None:
    lora = load_file(adapter / LORA_FILE)
    change(lora)
    save_file(lora, tmp_path / "lora")
    bad = entries(zipped) | {"diffusers/rex.safetensors": (tmp_path / "lora").read_bytes()}
    assert refused(written(tmp_path / "bad.zip", bad), tmp_path) == "damaged"


@pytest.mark.parametrize(
    "header",
    [
        {"clip_l": {"dtype": "F32", "shape": [2, 8], "data_offsets": [-8, 64]}},
        {"clip_l": {"dtype": "F32", "shape": [2, 8], "data_offsets": [0, 32]}},
        {"clip_l": {"dtype": "F32", "shape": [2, 99999999], "data_offsets": [0, 64]}},
        {"clip_l": {"dtype": "F32", "shape": "2", "data_offsets": [0, 64]}},
        {"clip_l": {"dtype": ["F32"], "shape": [2, 8], "data_offsets": [0, 64]}},
        {"clip_l": 7},
        [],
    ],
)
def test_headers_that_lie_are_refused(header: Any, zipped: Path, tmp_path: Path) -> None:
    well = {key: {"dtype": "F32", "shape": [2, 8], "data_offsets": [at, at + 64]} for key, at in ROWS}
    assert unpack(written(tmp_path / "well.zip", entries(zipped) | with_rows(well)), tmp_path / "well")
    lying = well | header if isinstance(header, dict) else header
    assert refused(written(tmp_path / "bad.zip", entries(zipped) | with_rows(lying)), tmp_path) == "damaged"


def with_rows(header: Any) -> Entries:
    text = json.dumps(header).encode()
    return {"embeddings/rex.safetensors": len(text).to_bytes(8, "little") + text + bytes(128)}


@pytest.mark.parametrize(
    "changed",
    [
        {"base": "../" * 20}, {"tokens": ["dog"]}, {"tokens": []}, {"tokens": ["<s0>"]}, {"class_word": "dog, naked"},
        {"steps": 0}, {"steps": "x"}, {"dtype": "torch.float32); import os"}, {"profile": 7},
    ],
)  # fmt: skip
def test_recipes_that_no_bot_writes_are_refused(changed: dict[str, Any], zipped: Path, tmp_path: Path) -> None:
    recipe = json.loads(entries(zipped)["recipe.json"]) | changed
    bad = entries(zipped) | {"recipe.json": json.dumps(recipe).encode()}
    assert refused(written(tmp_path / "bad.zip", bad), tmp_path) == "damaged"
    for text in (b"", b"[]", b"[" * 200_000, b"\xff"):
        assert refused(written(tmp_path / "bad.zip", entries(zipped) | {"recipe.json": text}), tmp_path) == "damaged"
