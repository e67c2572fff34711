"""Where a model's files come from: a folder, or the Hugging Face hub and its cache.

Knows: the hub's errors, and what a person can do about each. Does not know: what is in the files. No torch.
"""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from gpu.errors import ModelsMissing


def files(model: str, revision: str | None = None, variant: str | None = None) -> Path:
    """The model's folder: `model` itself if it is one, else the hub's, downloaded or from its cache.

    Raises ModelsMissing with a sentence about what to do.
    """
    if Path(model).is_dir():
        return Path(model)
    weights = f"*.{variant}.safetensors" if variant else "*.safetensors"
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=["*.json", "*.txt", weights]))
    except GatedRepoError as error:  # is a RepositoryNotFoundError, so it comes first
        raise ModelsMissing(f"{model}: accept its licence on its page at the hub, then set HF_TOKEN") from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise ModelsMissing(f"{model}: the hub has no such model or revision, or wants a token") from error
    except LocalEntryNotFoundError as error:
        raise ModelsMissing(f"{model}: not on this machine, and the hub cannot be reached") from error
    except (HFValidationError, HfHubHTTPError) as error:
        raise ModelsMissing(f"{model}: neither a folder nor a model of the hub") from error
