"""Everything that an operator can set.

Knows: each setting, what it may be, how to say so in a sentence, and what of it the process that computes is given.
Does not know: what a setting does (.env.example explains it, bot.py hands it on).
"""

import ipaddress
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gpu.profile import PROFILES, Profile

PASSED_ON = re.compile(
    r"PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|VIRTUAL_ENV|XDG_CACHE_HOME|SSL_CERT_\w+|REQUESTS_CA_BUNDLE"
    r"|(?i:https?_proxy|all_proxy|no_proxy)"
    r"|PYTHON\w+|(CUDA|CUBLAS|CUDNN|NVIDIA|TORCH|PYTORCH|TRITON|OMP|GOMP|MKL|OPENBLAS|HF|YOLO|ULTRALYTICS)_\w+|DATA"
)
"""What the process that computes is given of the bot's environment, never its token. DATA shows whose process it is."""


class Settings(BaseSettings):
    """In the environment or in .env; the environment wins."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    discord_token: SecretStr
    discord_api: str = "https://discord.com/api/v10"
    discord_gateway: str = "wss://gateway.discord.gg/"
    discord_cdn_hosts: Annotated[frozenset[str], NoDecode] = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
    data: Path = Path("data")
    profile: Literal["sdxl", "pocket"] = "sdxl"
    guild_id: int | None = Field(None, ge=1, le=2**63 - 1)
    pets_each: int = Field(5, ge=1, le=1000)
    jobs_each: int = Field(4, ge=1, le=1000)
    jobs_total: int = Field(200, ge=1, le=10_000)
    photos_days: int = Field(0, ge=0, le=36_500)
    portraits_days: int = Field(90, ge=0, le=36_500)
    recipes: bool = False
    look_minutes: int = Field(15, ge=0, le=1440)
    failed_photos_hours: int = Field(24, ge=0, le=8760)
    tidy_hour: int = Field(4, ge=0, le=23)
    sdxl_model: str | None = None
    few_step_model: str | None = None
    vae_model: str | None = None
    llama_model: str | None = None
    dino_model: str | None = None
    segmenter: str | None = None
    rewrite: Literal["llama", "template"] = "llama"
    allow_cpu: bool = False
    hf_token: SecretStr | None = None
    hf_home: Path | None = None
    hf_endpoint: str | None = None
    cuda_visible_devices: str | None = None
    metrics_port: int | None = Field(None, ge=1, le=65535)
    log_level: Literal["INFO", "WARNING", "ERROR"] = "INFO"  # DEBUG would log what people write

    def secrets(self) -> list[str]:
        """What must never stand in a log."""
        return [one.get_secret_value() for one in (self.discord_token, self.hf_token) if one]

    def studio_profile(self) -> Profile:
        """The profile, with the models and choices that are set here in place of its own."""
        profile = PROFILES[self.profile]
        own = {
            "sdxl": self.sdxl_model, "few_step": self.few_step_model, "vae": self.vae_model,
            "llama": self.llama_model, "dino": self.dino_model,
        }  # fmt: skip
        changed: dict[str, Any] = {
            "rewrite": self.rewrite,
            "allow_cpu": profile.allow_cpu or self.allow_cpu,
            "cache": str(self.data / "cache"),
        }
        for name, model in own.items():
            changed |= _pinned(name, model) if model else {}
        segmenter = str(Path(self.segmenter).expanduser()) if self.segmenter else profile.segmenter
        return replace(profile, **changed, segmenter=segmenter)

    def hub_cache(self) -> Path | None:
        """The folder of the hub's cache, as the process that computes will see it; None: the library's own choice."""
        return self.hf_home.expanduser() / "hub" if self.hf_home and "HF_HUB_CACHE" not in os.environ else None

    def child_environment(self) -> dict[str, str]:
        """The whole environment of the process that computes."""
        passed = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
        token = self.hf_token.get_secret_value() if self.hf_token else None
        given = {
            "HF_TOKEN": token,
            "HF_HOME": str(self.hf_home.expanduser()) if self.hf_home else None,
            "HF_ENDPOINT": self.hf_endpoint,
            "CUDA_VISIBLE_DEVICES": self.cuda_visible_devices,
        }
        return passed | {name: value for name, value in given.items() if value is not None}

    @field_validator("discord_cdn_hosts", mode="before")
    @classmethod
    def _split(cls, hosts: object) -> object:
        return [host.strip() for host in hosts.split(",") if host.strip()] if isinstance(hosts, str) else hosts

    @field_validator("discord_api", "discord_gateway")
    @classmethod
    def _check_address(cls, url: str) -> str:
        """The token goes there, so it is Discord itself or this machine."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        official = parts.scheme in ("https", "wss") and re.fullmatch(r"(.+\.)?discord\.(com|gg)", host)
        if official or (parts.scheme in ("http", "ws") and _is_loopback(host)):
            return url.rstrip("/") if parts.scheme.startswith("http") else url
        raise ValueError("Discord's own address or a loopback address")


def _pinned(name: str, model: str) -> dict[str, str | None]:
    """The profile's fields for "id", "id@revision", or a folder or file, whose name may hold an @."""
    if Path(model).expanduser().exists():
        return {name: str(Path(model).expanduser()), f"{name}_revision": None}
    identity, _, revision = model.partition("@")
    return {name: identity, f"{name}_revision": revision or None}


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def explain(error: ValidationError) -> str:
    """What the operator has to change, in one sentence: the setting, what it may be, and where it is set."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    if first["type"] == "missing":
        return f"{name.upper()} is not set: copy .env.example to .env and put your bot's token there."
    rule = Settings.model_json_schema()["properties"][name]
    rule = rule.get("anyOf", [rule])[0]  # of what may be empty, too
    if "maximum" in rule:
        allowed = f"a whole number from {rule['minimum']} to {rule['maximum']}"
    else:
        allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{name.upper()} must be {allowed}, not {first['input']!r}: change it in .env or in the environment."
