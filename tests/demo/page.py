"""The demo's page: the channel as people saw it, what was checked, and how long things took.

Knows: moments of a story, HTML. Does not know: the bot, the Discord, or how anything was measured.
"""

import html
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

ZOOM = 4  # pocket portraits are 128 px: shown this many times larger

STYLE = """
:root { color-scheme: dark }
body { background: #313338; color: #dbdee1; font: 16px/1.4 system-ui, sans-serif;
  margin: 0 auto; max-width: 1180px; padding: 24px }
h1, h2 { color: #fff; font-weight: 600 }
h2 { margin: 40px 0 12px; border-bottom: 1px solid #4e5058; padding-bottom: 6px }
.said { display: flex; gap: 14px; margin: 14px 0 }
.face { flex: 0 0 42px; height: 42px; border-radius: 50%; display: grid; place-items: center;
  font-size: 22px; background: #5865f2 }
.bot .face { background: #c98a4b }
.who { color: #fff; font-weight: 600 }
.when { color: #949ba4; font-size: 12px; margin-left: 8px }
.tag { background: #5865f2; color: #fff; font-size: 10px; padding: 1px 5px; border-radius: 3px; margin-left: 5px }
.text { white-space: pre-wrap; overflow-wrap: anywhere }
.does { color: #949ba4; font-style: italic; margin: 10px 0 10px 56px }
.pictures { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px }
.pictures img { border-radius: 8px; max-width: 100% }
.reactions span { background: #2b2d31; border: 1px solid #4e5058; border-radius: 8px; padding: 2px 8px;
  margin: 6px 6px 0 0; display: inline-block }
.buttons span { background: #4e5058; color: #fff; border-radius: 6px; padding: 5px 14px; font-size: 14px;
  margin: 8px 8px 0 0; display: inline-block }
.gone { opacity: .45 }
.name { background: #3c4270; color: #c9cdfb; border-radius: 3px; padding: 0 2px }
.quote { border-left: 3px solid #4e5058; padding-left: 8px }
.small { color: #949ba4; font-size: 13px }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: 6px 10px; border-bottom: 1px solid #3f4147 }
.ok { color: #57f287 }
.no { color: #ed4245 }
code { background: #2b2d31; padding: 1px 4px; border-radius: 3px }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that was said or done."""

    at: float  # seconds since the start
    who: str
    text: str
    pictures: tuple[Path, ...] = ()
    reactions: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    bot: bool = False
    action: bool = False  # a thing done, not said
    note: str = ""  # beside the time
    gone: bool = False  # it was deleted later
    width: int | None = None  # of each picture, in CSS pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at, and what was seen."""

    what: str
    seen: str
    right: bool


@dataclass(slots=True)
class Story:
    """All that happened, in order; chapters by their headings."""

    chapters: list[tuple[str, list[Moment]]] = field(default_factory=list[tuple[str, list[Moment]]])
    checks: list[Check] = field(default_factory=list[Check])
    times: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def chapter(self, heading: str) -> None:
        self.chapters.append((heading, []))

    def add(self, moment: Moment) -> None:
        self.chapters[-1][1].append(moment)

    def strike(self, moment: Moment) -> None:
        """It was deleted since."""
        for _, moments in self.chapters:
            moments[:] = [replace(one, gone=True) if one is moment else one for one in moments]

    @property
    def right(self) -> bool:
        return all(check.right for check in self.checks)


def write_page(story: Story, file: Path, intro: str) -> None:
    """The whole page as one HTML file; pictures are linked relative to it."""
    parts = [f"<!doctype html><meta charset=utf-8><title>Pawtrait: the demo</title><style>{STYLE}</style>"]
    parts += ["<h1>🐾 Pawtrait: the demo</h1>", f"<p>{html.escape(intro)}</p>"]
    for heading, moments in story.chapters:
        parts.append(f"<h2>{html.escape(heading)}</h2>")
        parts += [_moment(moment, file.parent) for moment in moments]
    parts.append("<h2>What was checked</h2><table><tr><th>check<th>seen<th></tr>")
    parts += [_check(check) for check in story.checks]
    parts.append("</table><h2>How long it took</h2><table>")
    parts += [f"<tr><td>{html.escape(what)}<td>{html.escape(time)}</tr>" for what, time in story.times]
    file.write_text("\n".join([*parts, "</table>"]), "utf-8")


def _moment(moment: Moment, root: Path) -> str:
    if moment.action:
        return f"<div class=does>{html.escape(moment.who)} {html.escape(moment.text)}</div>"
    kind = "said bot" if moment.bot else "said"
    face, tag = ("🐾", "<span class=tag>APP</span>") if moment.bot else ("🧑", "")
    notes = filter(None, [f"{moment.at:.0f} s", moment.note, "deleted later" if moment.gone else ""])
    when = f"<span class=when>{' · '.join(notes)}</span>"
    pictures = _row("pictures", [_picture(p, root, moment.width) for p in moment.pictures])
    reactions = _row("reactions", [f"<span>{html.escape(r)} 1</span>" for r in moment.reactions])
    buttons = _row("buttons", [f"<span>{html.escape(b)}</span>" for b in moment.buttons])
    return (
        f'<div class="{kind}{" gone" if moment.gone else ""}"><div class=face>{face}</div><div>'
        f"<span class=who>{html.escape(moment.who)}</span>{tag}{when}"
        f"<div class=text>{_markdown(moment.text)}</div>{pictures}{buttons}{reactions}</div></div>"
    )


def _row(kind: str, parts: list[str]) -> str:
    return f"<div class={kind}>{''.join(parts)}</div>" if parts else ""


def _picture(path: Path, root: Path, width: int | None) -> str:
    size = f" width={width}" if width else ""
    return f'<img src="{html.escape(path.relative_to(root).as_posix())}" alt=""{size}>'


def _markdown(text: str) -> str:
    """Bold, code, quotes, small print and escapes, as Discord shows them."""
    return "\n".join(_line(line) for line in html.escape(text, quote=False).split("\n"))


def _line(line: str) -> str:
    line = re.sub(r"`([^`]*)`", r"<code>\1</code>", line)
    line = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", line)
    line = re.sub(r"([@#]\w+)", r"<span class=name>\1</span>", line)
    line = re.sub(r"\\([^\w\s])", r"\1", line)
    for mark, kind in (("&gt; ", "quote"), ("-# ", "small")):
        if line.startswith(mark):
            return f"<span class={kind}>{line.removeprefix(mark)}</span>"
    return line


def _check(check: Check) -> str:
    mark = "<td class=ok>✓" if check.right else "<td class=no>✗"
    return f"<tr><td>{html.escape(check.what)}<td>{html.escape(check.seen)}{mark}</tr>"
