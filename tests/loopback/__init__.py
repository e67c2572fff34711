"""A Discord on this machine: the real discord.py client logs in to it over real HTTP and a real WebSocket.

Knows: how to put the parts together (server.py) and what a test or the demo may use. Does not know: any bot.

    async with await Loopback.start(record=folder) as discord:            # REST and gateway on 127.0.0.1, a free port
        mina = discord.person("Mina", locale="ko")
        asked = await mina.slash("/enroll", discord.channel, name="Rex", photo1=Upload("a.png", data))
        answer = await asked.first_answer(timeout=3)                       # Answer(kind="deferred", seconds=0.04)
        thread = await discord.until(lambda: discord.threads and discord.threads[0], timeout=5)
        await mina.react(discord.messages(thread)[-1], "🔁")

Messages, threads, reactions and files live in the server: they survive restarts of the bot.
"""

from tests.loopback.clock import Clock
from tests.loopback.faults import Fault, Limit
from tests.loopback.options import Impossible
from tests.loopback.people import Answer, Exchange, Person
from tests.loopback.permissions import Permission
from tests.loopback.server import Loopback
from tests.loopback.state import Channel, Thread, Upload

__all__ = [
    "Answer",
    "Channel",
    "Clock",
    "Exchange",
    "Fault",
    "Impossible",
    "Limit",
    "Loopback",
    "Permission",
    "Person",
    "Thread",
    "Upload",
]
