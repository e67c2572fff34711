"""No progress message says for ever that a job runs, though its deletion failed or never began."""

from tests.cogs.test_progress import failing, ordered
from tests.helpers.delivery_env import ONE, DeliveryEnv
from tests.loopback import messages


async def test_a_message_whose_end_failed_goes_later(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await env.progress.open(int(thread.id))
    await env.progress.finish_left()
    assert len(env.net.messages(thread)) == 1, "it waits"
    await env.settle(job)
    await env.progress.finish_left()
    assert len(env.net.messages(thread)) == 1, "its answer is owed"
    env.net.fail("DELETE", ONE, status=403, code=50013)
    await env.rounds(5.0)
    assert len(env.net.messages(thread)) == 2
    await env.progress.finish_left()
    [answer] = env.net.messages(thread)
    assert answer["attachments"] and not await env.services.jobs.still_shown(0.0, 9)


async def test_a_message_that_a_killed_bot_left_goes_at_the_next_login(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await env.progress.open(int(thread.id))
    await env.settle(job)
    [owed] = [one for one in await env.services.outbox.due(env.clock()) if one.job_id == job.id]
    await env.services.outbox.mark_sent(owed.id, int(thread.id), 1, ())
    env.restart()
    await env.bot.add_cog(env.progress)
    await env.heard(lambda: not env.net.messages(thread))


async def test_a_message_that_somebody_else_deleted_is_not_deleted_again_and_again(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await env.progress.open(int(thread.id))
    messages.delete(env.net.world, env.net.world.messages[env.net.messages(thread)[0]["id"]])
    await env.settle(job)
    await env.rounds(5.0)
    for _ in range(2):
        await env.progress.finish_left()
    assert failing(env) == 1
