"""Reading report.html: its tables, pictures and scripts, as a parser of HTML sees them."""
from html.parser import HTMLParser


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
