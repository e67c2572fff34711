"""What tests live in and work with.

bot_env.py         the whole bot in the test's own process, with a fake studio
look_env.py        what people see and do about a look at their photos
delivery_env.py    storage, cogs and discord.py, on a clock of ours
line_env.py        a line with a journal in memory
storage_env.py     storage on one folder; looked_rows.py: enrolments in it that were looked at
bot_process.py     the bot as its own process; fake_bot.py: the same with a fake child
adapter_folder.py  an adapter's files without models
fake_studio.py     a studio without models, which can misbehave on demand; fake_jobs.py: what it leaves behind
inline_executor.py  memory_journal.py    the seams without a process, without a database
tiny_models.py     the real model classes, as small as they get
children.py  unreapable.py    child processes as the operating system sees them
mutations.py       JSON as nobody should send it
error_matrix.py  error_lane.py    every failure of every request, while people use the bot
hostile.py         photos that a bot should be afraid of
truncate.py        a power cut, simulated
witness.py         what can be seen of one enrolment from outside
"""
