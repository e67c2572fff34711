"""A command as somebody would add it: one cog file (pat.py) and its sentences in each language (en.toml, ko.toml)."""
