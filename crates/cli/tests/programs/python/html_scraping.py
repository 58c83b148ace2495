from html.parser import HTMLParser

PAGE = """<html><body><table class="t">
<tr><th>Name</th><th>Price</th></tr>
<tr><td>Tea</td><td>2.50</td></tr><tr><td>Caf&eacute;</td><td>3.20</td></tr>
</table><a href="/next?page=2">next</a></body></html>"""


class TableParser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.links, self.cell = [], [], None

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell = ""
        elif tag == "a":
            self.links.append(dict(attributes).get("href"))

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self.cell)
            self.cell = None


parser = TableParser()
parser.feed(PAGE)
header, *rows = parser.rows
print([dict(zip(header, row)) for row in rows], parser.links)
