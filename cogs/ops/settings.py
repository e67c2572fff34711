"""Everything that an operator can set.

Knows: each setting, what it may be, and how to say so in a sentence. Does not know: what a setting does (.env.example
explains it, bot.py hands it on).
"""

import ipaddress
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


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
    tidy_hour: int = Field(4, ge=0, le=23)
    metrics_port: int | None = Field(None, ge=1, le=65535)
    log_level: Literal["INFO", "WARNING", "ERROR"] = "INFO"  # DEBUG would log what people write

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
