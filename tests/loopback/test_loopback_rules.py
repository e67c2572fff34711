"""Messages, threads, reactions and the gateway: what the loopback Discord refuses, with Discord's statuses and codes.

Plain requests, since discord.py would not send most of these. Nothing here is recorded: it breaks Discord's rules.
"""

import io
import json
from collections.abc import AsyncIterator

import discord
import pytest
from aiohttp import ClientSession

from tests.loopback import Loopback, Person, Upload
from tests.loopback.client import logged_in, pointed_at
from tests.loopback.kennel import picture
from tests.loopback.raw import Raw
from tests.loopback.rules import FILE_BYTES
from tests.loopback.values import Json


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    async with await Loopback.start(pace=1000) as loopback, ClientSession() as session:
        yield Raw(loopback, session)


@pytest.fixture
def mina(raw: Raw) -> Person:
    return raw.loopback.person("Mina")


def menu(options: list[Json]) -> Json:
    return {"components": [{"type": 1, "components": [{"type": 3, "custom_id": "m", "options": options}]}]}


def buttons(*changed: Json) -> Json:
    pressed: Json = {"type": 2, "style": 1, "label": "a"}
    return {"components": [{"type": 1, "components": [pressed | one for one in changed]}]}


def layout(*components: Json) -> Json:
    return {"flags": 1 << 15, "components": [*components]}


BAD = (400, 50035)
REFUSED: list[tuple[Json, tuple[int, int]]] = [
    ({"content": "x" * 2001}, (400, 50035)),
    ({"content": ""}, (400, 50006)),
    ({"content": " \n"}, (400, 50006)),
    ({"content": "x", "nonce": "n" * 26}, (400, 50035)),
    ({"content": "x", "components": [{"type": 2, "style": 1, "label": "x", "custom_id": "a"}]}, (400, 50035)),
    ({"components": [{"type": 1, "components": []}]}, (400, 50035)),
    ({"components": [{"type": 1, "components": [{"type": 2, "style": 1, "custom_id": "a"}]}]}, (400, 50035)),
    ({"components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "a"}]}]}, (400, 50035)),
    (
        {"components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "a", "custom_id": "a"}] * 2}]},
        (400, 50035),
    ),
    (buttons({"custom_id": "x" * 101}), (400, 50035)),
    (buttons({"custom_id": "x", "label": "x" * 81}), (400, 50035)),
    (buttons(*({"custom_id": f"{n}"} for n in range(6))), (400, 50035)),
    (menu([]), (400, 50035)),
    (menu([{"label": "a", "value": f"{n}"} for n in range(26)]), (400, 50035)),
    (menu([{"label": "a", "value": "v"}, {"label": "b", "value": "v"}]), (400, 50035)),
    (menu([{"label": "x" * 101, "value": "v"}]), (400, 50035)),
    ({"content": "x", "flags": 1 << 15, "components": [{"type": 10, "content": "t"}]}, (400, 50035)),
    (
        layout({"type": 9, "components": [], "accessory": {"type": 11, "media": {"url": "https://a.example/b.png"}}}),
        BAD,
    ),
    (layout({"type": 9, "components": [{"type": 10, "content": "t"}], "accessory": {"type": 10, "content": "t"}}), BAD),
    (layout({"type": 10, "content": ""}), BAD),
    (layout({"type": 10, "content": "x" * 2001}, {"type": 10, "content": "x" * 2000}), BAD),
    (layout(*({"type": 10, "content": f"{n}"} for n in range(41))), BAD),
    (layout({"type": 17, "components": []}), BAD),
    (layout({"type": 17, "components": [{"type": 17, "components": [{"type": 10, "content": "t"}]}]}), BAD),
    (layout({"type": 12, "items": []}), BAD),
    (layout({"type": 12, "items": [{"media": {"url": "https://a.example/b.png"}}] * 11}), BAD),
    (layout({"type": 12, "items": [{"media": {"url": "ftp://a.example/b.png"}}]}), BAD),
    (layout({"type": 12, "items": [{"media": {"url": "https://a.example/b.png"}, "description": "x" * 1025}]}), BAD),
    (layout({"type": 2, "style": 1, "label": "a", "custom_id": "a"}), BAD),
    ({"content": "x", "message_reference": {"message_id": "1"}}, (400, 50035)),
    ({"content": "x", "flags": "64"}, (400, 50035)),
    ({"content": 64}, (400, 50035)),
    ({"content": "x", "tts": 1}, (400, 50035)),
    ({"content": "x", "embeds": "y"}, (400, 50035)),
    ({"content": "x", "contents": "y"}, (400, 50035)),
]


@pytest.mark.parametrize(("body", "refusal"), REFUSED)
async def test_messages_that_discord_refuses(raw: Raw, body: Json, refusal: tuple[int, int]) -> None:
    assert await raw.send(**body) == refusal
    assert raw.loopback.messages(raw.loopback.channel) == []


@pytest.mark.parametrize("body", [b'{"content": "x"}', b"[]", b'"x"', b"{"])
async def test_bodies_that_are_no_json_object(raw: Raw, body: bytes) -> None:
    kind = "text/plain" if body.startswith(b'{"') else "application/json"
    headers = {"Authorization": f"Bot {raw.loopback.token}", "Content-Type": kind}
    async with ClientSession(headers=headers) as session:
        refused = await session.post(f"{raw.loopback.api}{raw.channel}/messages", data=body)
        assert (refused.status, (await refused.json())["code"]) == (400, 50109 if body == b"{" else 50035)


async def test_a_layout_stays_one(raw: Raw) -> None:
    text, gallery = (
        {"type": 10, "content": "x" * 4000},
        {"type": 12, "items": [{"media": {"url": "https://a.example"}}]},
    )
    path = f"{raw.channel}/messages"
    status, sent = await raw.call("POST", path, layout({"type": 17, "components": [text, *[gallery] * 38]}))
    assert status == 200 and sent["flags"] & 1 << 15
    assert await raw.call("PATCH", f"{path}/{sent['id']}", {"content": "x"}) == BAD, "the flag cannot be taken off"
    status, edited = await raw.call("PATCH", f"{path}/{sent['id']}", {"components": [gallery]})
    assert status == 200 and [one["type"] for one in edited["components"]] == [12]


async def test_limits_are_inclusive(raw: Raw) -> None:
    assert (await raw.send(content="x" * 2000, nonce="n" * 25, enforce_nonce=True))[0] == 200
    files = [(f"{n}.txt", b"x") for n in range(10)]
    listed = [{"id": n, "filename": name} for n, (name, _) in enumerate(files)]
    path = f"{raw.channel}/messages"
    assert len((await raw.call("POST", path, {"attachments": listed}, *files))[1]["attachments"]) == 10
    full = [("10.txt", b"x"), *files]
    listed = [{"id": n, "filename": name} for n, (name, _) in enumerate(full)]
    assert await raw.call("POST", path, {"attachments": listed}, *full) == (400, 30015)
    one = {"attachments": [{"id": 0, "filename": "big.bin"}]}
    status, sent = await raw.call("POST", path, one, ("big.bin", bytes(FILE_BYTES)))
    assert status == 200
    async with ClientSession() as session, session.get(sent["attachments"][0]["url"]) as response:
        assert len(await response.read()) == FILE_BYTES
    assert await raw.call("POST", path, one, ("big.bin", bytes(FILE_BYTES + 1))) == (413, 40005)
    assert await raw.call("POST", path, one, ("big.bin", bytes(26 * 1024 * 1024))) == (413, 40005)
    assert await raw.call("POST", path, one) == (400, 50035)


async def test_binary_files_arrive_unchanged(raw: Raw) -> None:
    data = bytes(range(256)) * 3 + b"\r\n--\r\n"
    body = {"attachments": [{"id": 0, "filename": "a b.png", "description": "alt"}]}
    _, sent = await raw.call("POST", f"{raw.channel}/messages", body, ("a b.png", data))
    assert raw.loopback.file(sent) == data
    assert (sent["attachments"][0]["filename"], sent["attachments"][0]["description"]) == ("a_b.png", "alt")


async def test_what_is_not_there(raw: Raw) -> None:
    for method, path, refusal in [
        ("GET", "/channels/1", (404, 10003)),
        ("GET", f"{raw.channel}/messages/1", (404, 10008)),
        ("GET", "/users/1", (404, 10013)),
        ("GET", f"{raw.app}/guilds/1/commands", (404, 10004)),
        ("GET", f"{raw.app}/commands/1", (404, 10063)),
        ("GET", "/nowhere", (404, 0)),
    ]:
        assert await raw.call(method, path) == refusal


async def test_threads_are_named_and_timed(raw: Raw) -> None:
    _, message = await raw.send(content="Rex")
    path = f"{raw.channel}/messages/{message['id']}/threads"
    for body in ({"name": ""}, {"name": "x" * 101}, {"name": "Rex", "auto_archive_duration": 61}):
        assert await raw.call("POST", path, body) == (400, 50035)
    status, thread = await raw.call("POST", path, {"name": "Rex"})
    assert (status, thread["id"]) == (201, message["id"])
    _, message = await raw.call("GET", f"{raw.channel}/messages/{message['id']}")
    assert (message["thread"]["id"], message["flags"] & 32) == (thread["id"], 32)
    assert await raw.call("POST", f"/channels/{thread['id']}/threads", {"name": "x", "type": 11}) == (400, 50024)
    assert await raw.call("DELETE", f"/channels/{thread['id']}") == (403, 50013)


async def test_twenty_different_reactions(raw: Raw, mina: Person) -> None:
    _, message = await raw.send(content="Rex")
    reaction = f"{raw.channel}/messages/{message['id']}/reactions"
    for number in range(20):
        assert (await raw.call("PUT", f"{reaction}/{chr(0x1F600 + number)}/@me"))[0] == 204
    assert await raw.call("PUT", f"{reaction}/🐶/@me") == (400, 30010)
    await mina.react(message, "😀", burst=True)
    _, users = await raw.call("GET", f"{reaction}/😀?type=1")
    assert [user["id"] for user in users] == [mina.id]
    assert await raw.call("DELETE", f"{reaction}/😀/{mina.id}") == (403, 50013)
    assert await raw.call("DELETE", reaction) == (403, 50013)


async def test_wrong_token_is_unauthorised(raw: Raw) -> None:
    async with ClientSession(headers={"Authorization": "Bot wrong"}) as session:
        assert (await session.get(f"{raw.loopback.api}/users/@me")).status == 401


async def test_gateway_close_codes(raw: Raw) -> None:
    login = {"op": 2, "d": {"token": raw.loopback.token, "intents": 1}}
    for frames, code in [
        (["not json"], 4002),
        ([json.dumps({"op": 99, "d": None})], 4001),
        ([json.dumps({"op": 3, "d": None})], 4003),
        ([json.dumps(login), json.dumps(login)], 4005),
    ]:
        async with ClientSession() as session, session.ws_connect(raw.loopback.gateway.url) as socket:
            for frame in frames:
                await socket.send_str(frame)
            while not socket.closed:
                await socket.receive()
            assert socket.close_code == code


async def test_silence_ends_the_connection() -> None:
    async with await Loopback.start(heartbeat=0.05) as loopback, ClientSession() as session:
        socket = await session.ws_connect(loopback.gateway.url)
        while not socket.closed:
            await socket.receive()
        assert socket.close_code == 4009


async def test_attachments_are_kept_by_name_and_shown_in_embeds(raw: Raw) -> None:
    client = discord.Client(intents=discord.Intents(guilds=True), guild_ready_timeout=0.05)
    async with logged_in(client, raw.loopback):
        channel = client.get_partial_messageable(int(raw.loopback.channel.id))
        message = await channel.send("two", files=[discord.File(io.BytesIO(bytes([n])), f"{n}.txt") for n in (1, 2)])
        added = discord.File(io.BytesIO(b"3"), "3.png")
        embed = discord.Embed(title="sheet").set_image(url="attachment://3.png")
        message = await message.edit(embed=embed, attachments=[message.attachments[1], added])
        assert [file.filename for file in message.attachments] == ["2.txt"]
        assert raw.loopback.file({"id": str(message.id)}, 1) == b"3"
        async with ClientSession() as session, session.get(str(message.embeds[0].image.url)) as response:
            assert await response.read() == b"3"


async def test_wrong_token_and_privileged_intents_are_turned_away(raw: Raw) -> None:
    loopback = raw.loopback
    with pointed_at(loopback), pytest.raises(discord.LoginFailure):
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login("wrong")
    with pointed_at(loopback), pytest.raises(discord.PrivilegedIntentsRequired):
        async with discord.Client(intents=discord.Intents.all()) as client:
            await client.start(loopback.token)
    async with ClientSession() as session, session.ws_connect(loopback.gateway.url) as socket:
        assert (await socket.receive_json())["op"] == 10
        await socket.send_str(json.dumps({"op": 2, "d": {"token": "wrong", "intents": 0}}))
        await socket.receive()
        assert socket.close_code == 4004


async def test_cdn_urls_are_signed_and_expire(raw: Raw) -> None:
    loopback = raw.loopback
    said = await loopback.person("Mina").say(loopback.channel, "look", Upload("a.png", picture()))
    url = said["attachments"][0]["url"]
    async with ClientSession() as session:
        assert (await session.get(url)).status == 200
        assert (await session.get(url.replace("hm=", "hm=0"))).status == 404
        assert (await session.get(url.split("?")[0])).status == 404
        loopback.clock.advance(25 * 3600)
        assert (await session.get(url)).status == 404
        fresh = loopback.messages(loopback.channel)[0]["attachments"][0]["url"]
        assert (await session.get(fresh)).status == 200
