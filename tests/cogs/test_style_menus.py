"""The styles that 🎨 offers: this server's and the catalogue's, as Discord's menus hold them."""

import dataclasses
from pathlib import Path
from typing import Any

from cogs.buttons import ButtonsCog
from cogs.shared.models import Models
from gpu.jobs import Paint
from gpu.portraits import Wish
from gpu.profile import PROFILES
from gpu.styles import STYLES
from storage.styles import MOST_STYLES, ServerStyle
from tests.helpers.bot_env import press
from tests.helpers.delivery_env import DeliveryEnv, delivery_env
from tests.loopback.checks import violations


async def menus(env: DeliveryEnv, message: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The answer to 🎨, and the menus in it."""
    answer = await (await press(env.mina, message, "style")).message()
    return answer, [row["components"][0] for row in answer["components"]]


async def test_the_servers_styles_come_first_among_those_that_the_models_know(env: DeliveryEnv):
    _, message = await env.posted(env.thread())
    await env.bot.add_cog(env.buttons)
    guild_id, styles = env.net.guild.id, env.services.styles
    for name, medium in (("Grandma's jumper", "a knitted doll"), ("The old masters", "oil on canvas")):
        await styles.add(guild_id, ServerStyle(name=name, description="Ours", medium=medium, negative="frame"))
    answer, [menu] = await menus(env, message)
    learnt = [key for key, style in STYLES.items() if style.pocket]
    assert [one["value"] for one in menu["options"]] == ["The old masters", *learnt]
    assert menu["placeholder"].startswith("The old masters – ")
    await env.mina.choose(answer, menu["custom_id"], "The old masters")
    await env.net.until(lambda: "Place 1" in env.net.world.messages[answer["id"]].content)
    [job] = await env.services.jobs.active()
    claim = await env.journal.claim(job.id)
    assert claim and isinstance(claim.job, Paint) and claim.job.wish == Wish(style="oil on canvas", negative="frame")
    answer, _ = await menus(env, message)
    await styles.remove(guild_id, "The old masters")
    await env.mina.choose(answer, menu["custom_id"], "The old masters")
    await env.net.until(lambda: "no style of its own" in env.net.world.messages[answer["id"]].content)


async def test_a_whole_catalogue_takes_several_menus_as_discord_allows(tmp_path: Path):
    async with delivery_env(tmp_path / "data", tmp_path / "record") as env:
        _, message = await env.posted(env.thread())
        for number in range(MOST_STYLES):
            style = ServerStyle(name=f"{number:02} {'x' * 29}", description="Ours", medium="a knitted doll")
            await env.services.styles.add(env.net.guild.id, style)
        env.services = dataclasses.replace(env.services, models=Models(PROFILES["sdxl"], None))
        await env.bot.add_cog(ButtonsCog(env.bot, env.services))
        _, some = await menus(env, message)
        values = [one["value"] for menu in some for one in menu["options"]]
        assert values[MOST_STYLES:] == list(STYLES) and values[0].startswith("00 ")
        assert len({menu["custom_id"] for menu in some}) == len(some) > 1
    assert violations(tmp_path / "record") == []
