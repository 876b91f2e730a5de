"""Reading report.html: its tables, pictures and scripts, as a parser of HTML sees them; and what every
page must be."""
import base64
import glob
import hashlib
import math
import os
import re
import xml.dom.minidom
from html.parser import HTMLParser

from support.runner import check

SIZE_MAXIMUM = 15 << 20


class Table:
    """A table that can be copied: what its columns are called, and its rows: of values, by which it is
    sorted, of what is copied, and of what is read in its small print."""

    def __init__(self):
        self.names, self.rows, self.copies, self.prints = [], [], [], []

    def records(self, rows=None):
        return [dict(zip(self.names, row)) for row in (self.rows if rows is None else rows)]


class Page(HTMLParser):
    """tables: by name; figures: (words, source) of each picture; elements: how many of each tag there
    are; attributes: the names of all."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.tables, self.figures, self.elements, self.attributes = {}, [], {}, set()
        self.scripts, self.policy, self.text = [], None, ""
        self.table = self.cell = self.value = self.copy = self.part = None
        self.print = ""
        self.small = 0
        with open(path, encoding="utf-8") as file:
            self.source = file.read()
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.attributes |= set(values)
        if tag == "div" and values.get("class") == "table":
            self.table = self.tables[values["data-name"]] = Table()
        elif tag == "img":
            self.figures.append((values.get("alt"), values.get("src", "")))
        elif tag == "script":
            self.scripts.append("")
            self.part = "script"
        elif tag == "style":
            self.part = "style"
        elif tag == "meta" and values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        elif tag == "tr" and self.table is not None:
            if values.get("class") == "group":
                self.table.skipped = True
            elif self.table.names:
                for rows in (self.table.rows, self.table.copies, self.table.prints):
                    rows.append([])
        elif tag in ("td", "th") and self.table is not None:
            self.cell, self.value = "", values.get("data-value", values.get("data-name"))
            self.copy, self.print = values.get("data-copy"), ""
        elif tag == "small" and self.cell is not None:
            self.small += 1

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.part = None
        elif tag == "small" and self.small:
            self.small -= 1
        elif tag in ("td", "th") and self.cell is not None:
            self.text += " "  # a cell's text is a word of its own
            text = " ".join(self.cell.split()) if self.value is None else self.value
            if self.table.rows:
                self.table.rows[-1].append(text)
                self.table.copies[-1].append(text if self.copy is None else self.copy)
                self.table.prints[-1].append(self.print)
            elif not getattr(self.table, "skipped", False):
                self.table.names.append(text)
            self.cell = None
        elif tag == "tr" and self.table is not None:
            self.table.skipped = False
        elif tag == "table":
            self.table = None

    def handle_data(self, data):
        if self.part == "script":
            self.scripts[-1] += data
        elif self.part is None:
            self.text += data
            if self.cell is not None and not self.small:
                self.cell += data
            elif self.cell is not None:
                self.print += data


# ---- what pages have in common ------------------------------------------------------------------

def report(program, folder, **how):
    result = program.run("report", folder, **how)
    return Page(os.path.join(folder, "report.html")), result


def compare(program, *folders, output="out", **how):
    result = program.run("report", *folders, "-o", program.path(output), **how)
    return Page(program.path(output, "comparison.html")), result


def percent(value):
    return "" if math.isnan(value) else f"{100 * value:.2f}"


def check_whole(page, folder):
    """What every page must be."""
    check(len(page.source) < SIZE_MAXIMUM, f"{folder}: {len(page.source)} bytes")
    check(not re.search(r"\bnan\b", page.text, re.IGNORECASE), f"{folder}: a NaN is shown")
    check(page.elements["script"] == 1, f"{folder}: {page.elements}")
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    check(f"script-src 'sha256-{digest}'" in page.policy, f"{folder}: {page.policy}")
    check(not [name for name in page.attributes if name.startswith("on")], f"{page.attributes}")
    check(all(source.startswith("data:image/") for _, source in page.figures), "a picture from afar")
    for name in "link", "a":
        check(f"<{name} href=\"http" not in page.source, "a link to a network")


def figures(page, kind="svg+xml"):
    start = f"data:image/{kind};base64,"
    return [base64.b64decode(source[len(start):]).decode() if kind == "svg+xml" else source
            for _, source in page.figures if source.startswith(start)]


def check_figures(page, folder, count):
    drawn = figures(page)
    check(len(drawn) == count, f"{folder}: {len(drawn)} figures, expected {count}")
    scripts = glob.glob(os.path.join(folder, "figures", "*.gp"))
    check(len(scripts) == count, f"{folder}: {len(scripts)} scripts, expected {count}")
    for name in scripts:
        for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("dat", b"#")):
            with open(f"{name[:-2]}{kind}", "rb") as file:
                check(file.read(16).startswith(start), f"{name[:-2]}{kind}")
    for svg in drawn:
        check("prefers-color-scheme:dark" in svg, "a figure for light screens alone")
        xml.dom.minidom.parseString(svg)


def hostile(canary):
    """Names that would like to be code: HTML, gnuplot's commands, a shell's, paths."""
    calls = [f"touch {canary}", f"system('touch {canary}')"]
    return ["<script>alert(1)</script>", f"'; {calls[1]}; '", f"''. {calls[1]} .''", f"`{calls[0]}`",
            f"$({calls[0]})", f"a\nset output '{canary}'\n", f"x' . {calls[1]} #", f"\" . `{calls[0]}`",
            "../../../etc/passwd", "x" * 10000, "\\", "\u202e\u05d0\u05d1 \u65e5\u672c \u00e9\U0001f600",
            "<img src=x onerror=alert(1)>", "</style></script>&quot;", "@macro {/Bold x}_2^3 %s%n"]
