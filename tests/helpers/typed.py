"""What people, and programs that speak for them, type where a bot expects a few words.

Knows: signs that Discord, Unicode or our own prompts give a meaning. Does not know: where they are typed, or what
should become of them. FUZZ=20000 in the environment plays that many examples of each test instead of a few.
"""

import os

from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ", "60"))

MEANT_BY_DISCORD = (
    "<@123456789012345678>", "<@!1>", "<@&1>", "<#1>", "@everyone", "@here", "＠everyone", "<t:0:R>", "<t:-1>",
    "</pets:1>", "</pet forget:12>", "<id:guide>", "<id:customize>", "<:a:1>", "<a:b:2>", ":dog:", ":+1:",
    "https://evil.example/x", "http://a.b", "<https://a.b>", "<mailto:a@b.c>", "<a@b.c>", "discord://x",
    "discord.gg/abc", "discord.com/invite/x", "www.a.b", "[a](http://b.c)", "[a](b)", "# ", "## ", "-# ", "> ",
    ">>> ", "- ", "* ", "1. ", "**", "__", "~~", "||", "`", "``", "```", "\\", "\\\\", "<", ">", "@", "#", ":", "[",
    "]", "(", ")", "_", "*", "/", "\n", "\r\n", "¯\\_(ツ)_/¯",
)  # fmt: skip
MEANT_BY_UNICODE = (
    "\u202e", "\u202a", "\u2066", "\u2068", "\u2069", "\u200f", "\u061c", "\u200b", "\u200c", "\u200d", "\u2060",
    "\ufeff", "\u00ad", "\u034f", "\u3164", "\u115f", "\uffa0", "\u2800", "\ufe0f", "\ufe0e", "\u0301",
    "\u0301" * 30, "\u20e3", "\u20dd", "\u0000", "\u001b[31m", "\u0085", "\u2028", "\u2029", "\ue000", "\U000f0000",
    "\ufffe", "\U000e0067", "\U000e007f", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "👨‍👩‍👧", "👩🏽‍🚒", "🇰🇷", "🇰", "🩷", "🫨", "❤️", "1️⃣", "보리", "각", "한", "שלום", "كلب", "می‌خواهم",
    "नमस्ते", "क्ष", "ﷺ", "ﬁ", "İ", "ß", "\ud83d", "\udc36", "\ud83d\udc36", "Rex", " ", "\u3000", "x" * 40,
)  # fmt: skip
MEANT_BY_US = ("<s0>", "<s1>", "<S0>", "<<s0>s0>", "<s\u200b0>", "<|eot_id|>", "{name}", "{0}", "%s", "id:1", "null")

typed = st.lists(
    st.sampled_from([*MEANT_BY_DISCORD, *MEANT_BY_UNICODE, *MEANT_BY_US])
    | st.text(st.characters(codec=None, exclude_categories=[]), max_size=4),
    max_size=12,
).map("".join)
"""Text as JSON can carry it: lone surrogates too."""
