"""Files of tensors: safetensors, and equal bytes for equal tensors.

Knows: the file's format. Does not know: what is kept in it.
"""

import errno
import json
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

OS_ERROR = re.compile(r"\(os error (\d+)\)")  # in the messages of safetensors


def save(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the tensors. Raises OSError, of a full disk, too."""
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(kept, path, metadata=dict(metadata or {}))
    except SafetensorError as error:
        told = OS_ERROR.search(str(error))
        raise OSError(int(told[1]) if told else errno.EIO, str(error), str(path)) from error
    _sort_metadata(path)


def _sort_metadata(path: Path) -> None:
    """safetensors writes it in another order each time; the tensors come in a fixed one."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        entries = dict(sorted(header.pop("__metadata__", {}).items()))
        ordered = ({"__metadata__": entries} if entries else {}) | header
        text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        assert len(text) == length
        file.seek(8)
        file.write(text)
