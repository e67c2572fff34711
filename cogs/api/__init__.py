"""cogs/api: requests to Discord.

client.py      how the bot comes to Discord: commands told, logins within the budget
transport.py   what is asked of Discord for an answer (a seam, with a contract)
message.py     a message to be, and the mark by which it is found again
refusals.py    what Discord's refusals mean
budget.py      at most 20 failing requests a minute
"""
