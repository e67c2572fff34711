"""What is typed and uploaded by the odd person, through the whole bot, against a loopback Discord."""

import asyncio
import logging

import pytest

from tests.helpers.bot_env import BotEnv, enrolled, named, photos, private, whole
from tests.helpers.discord_markdown import read
from tests.loopback import Upload


async def test_photos_are_told_by_their_place_and_their_own_name(alive: BotEnv):
    """Discord calls them all `_.jpg`."""
    mina = alive.discord.person("Mina", locale="ko")
    alive.studio.rejects = 1
    good = [Upload(f"보리 {n}.jpg", photo.data) for n, photo in enumerate(photos(4))]
    bad = [Upload("보리 산책.jpg", b"x"), Upload("a\u202egnp.exe", b"y"), Upload("보리 낮잠.jpg", b"")]
    asked = await mina.slash("/enroll", alive.discord.channel, name="보리", **named([*bad, *good]))
    said = (await asked.message(25))["content"]
    assert "사진 1번 · `보리 산책.jpg`: 이미지 파일이 아니에요" in said
    assert "사진 2번 · `agnp.exe`" in said and "사진 3번 · `보리 낮잠.jpg`: 파일이 비어 있어요" in said
    answer = await alive.message(alive.discord.threads[0], "이제 **보리**를 알아요")
    assert "사진 4번 · `보리 0.jpg`: 우리 아이가 안 보여요" in answer["content"]


async def test_nothing_typed_is_anything_to_discord(alive: BotEnv, caplog: pytest.LogCaptureFixture):
    mina, place = alive.discord.person("Mina"), alive.discord.channel
    thread = await enrolled(alive, mina, "<#1> @here")
    painted = [
        ("@everyone", "@here <@1>"), ("**x**\n# y", "a\n\nb"), ("`x` <t:0:R>", "``` code"),
        ("x <id:guide> \ud83d", "\ud83d"), ("https://evil.example/x", "\u200b"),
        ("[a](b) discord.gg/abc", "<s0> x" * 40), ("🩷", "🫨"),
    ]  # fmt: skip
    for number, (style, wish) in enumerate(painted, start=2):
        assert f"<#{thread.id}>" in await private(await mina.slash("/portrait", place, style=style, wish=wish))
        await whole(alive, thread, number)
    assert "word or two" in await private(await mina.slash("/portrait", place, style="\u200b\ufe0f", wish="x"))
    assert "don't know a dog" in await private(await mina.slash("/portrait", place, style="x", pet="\ud83d<@1>"))
    assert "over already" not in await private(await mina.slash("/cancel", place, job="\ud83d"))
    for message in alive.discord.messages(thread)[2:]:
        assert read(message["content"]).kinds == ("mark", "mark", "person", "quote", "code")
        assert not message["mentions"] and not message["mention_everyone"]
    await asyncio.sleep(0.1)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
