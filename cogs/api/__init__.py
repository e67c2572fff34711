"""cogs/api: requests to Discord.

client.py      how the bot logs in: within Discord's budget of logins, its commands registered if they changed
transport.py   sending, finding and deleting answers (a seam, with a contract)
message.py     a message that is about to be sent, and the mark by which it is found again
refusals.py    what Discord's refusals mean
callbacks.py   first answers to interactions, though the network fails for a moment
gateway.py     what comes over the gateway cannot end the bot
ratelimits.py  whether a request may go now, waits, or is put off
budget.py      at most 20 failing requests a minute
"""
