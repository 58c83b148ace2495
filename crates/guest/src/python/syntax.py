"""What to write instead where a program cannot be read: hints and fixes.

A fix is given only if with it the program can be read, or can be read further. It takes the place of
what the report then marks.
"""
import re

MOST_TRIES = 40
# The patterns below look back; a longer line, or program, is not one that somebody has a slip in.
MOST_LINE, MOST_SOURCE = 1_000, 200_000

# Pieces of other languages: a pattern, what to write for it, and what is said.
PIECES = (
    (r"^ *[!%](?=[a-z]+ )", None, "there is no shell and nothing to install; leave the line out"),
    (r"^ *</?\w+>", None, "send the program alone, without tags around it"),
    (r"\bexcept +([\w.]+), *([A-Z][\w.]*) *:", r"except (\1, \2):", "several kinds of errors stand in parentheses"),
    (r"\bexcept +([\w.]+|\([\w., ]+\)), *([a-z_]\w*) *:", r"except \1 as \2:", "in Python 3 write `except … as …`"),
    (r"^( *)raise +([\w.]+), *(.+)$", r"\1raise \2(\3)", "in Python 3 write `raise Error(text)`"),
    (r"&&", "and", "in Python write `and`"),
    (r"\|\|", "or", "in Python write `or`"),
    (r"!==", "!=", "in Python write `!=`"),
    (r"===", "==", "in Python write `==`"),
    (r"<>", "!=", "in Python 3 write `!=`"),
    (r"\b(?:const|let|var) +(\w+)", r"\1", "in Python a name is bound without a keyword"),
    (r"\b(?:else if|elseif|elsif)\b", "elif", "in Python write `elif`"),
    (r"\bnew +(\w+)", r"\1", "in Python there is no `new`"),
    (r"([\w.\[\]()]+)\+\+", r"\1 += 1", "in Python write `+= 1`"),
    (r"([\w.\[\]()]+)--", r"\1 -= 1", "in Python write `-= 1`"),
    (r"!(?=[\w(\[])", "not ", "in Python write `not`"),
    (r"^ *//", "#", "in Python a comment begins with #"),
    (r"\((\w+(?:, *\w+)*)\) *=> *(?!\{)", r"lambda \1: ", "in Python write `lambda x: …`"),
    (r"\b(\w+) *=> *(?!\{)", r"lambda \1: ", "in Python write `lambda x: …`"),
    (r"=>", None, "in Python write `lambda x: …`"),
    (r"\bfunction +(\w+) *(\([\w, ]*\)) *\{?$", r"def \1\2:", "in Python write `def name(…):`"),
    (r"\bfunction\b", None, "in Python write `def name(…):`"),
    (r"\bcatch\b", None, "in Python write `except Exception as error:`"),
    (r"\?\?", None, "in Python write `x if x is not None else y`"),
    (r"\?\.", None, "in Python write `x.get(…)`"),
    (r"((?<== )|(?<=\breturn )|^ *)([^?=]+?) \? (.+?) : (.+)$", r"\1\3 if \2 else \4", "in Python write `a if x else b`"),
    (r"`", None, 'in Python write f"… {x} …"'),
)
INDENTATION = "begin the lines of one block with the same spaces, four a level, and no tabs"
SAID = (
    ("unexpected indent", "the line stands further right than the one before, which opens no block"),
    ("unindent does not match", INDENTATION),
    ("inconsistent use of tabs", INDENTATION),
    ("expected an indented block", INDENTATION),
    ("unexpected character after line continuation", r"write real line breaks, not \n"),
    ("unterminated string literal", 'a text of several lines stands in """ … """'),
    ("EOL while scanning string literal", 'a text of several lines stands in """ … """'),
)
BLOCK = re.compile(r"^ *(?:if|elif|else|for|while|def|class|try|except|finally|with|async|match|case)\b")


def add(error, source, fields):
    """Adds hint and fix to the report of a program that cannot be read."""
    lines = source.split("\n")
    number = fields.get("line") or 0
    if not 0 < number <= len(lines) or error.msg.startswith("two fenced"):
        return
    line = lines[number - 1]
    if len(line) > MOST_LINE or len(source) > MOST_SOURCE:
        return
    tries = 0

    def fixed(start, end, text):
        """Gives a fix if with it the program can be read, or can be read beyond its line."""
        nonlocal tries
        tries += 1
        if tries > MOST_TRIES:
            return False
        whole = "\n".join([*lines[: number - 1], line[:start] + text + line[end:], *lines[number:]])
        try:
            parse(whole, [])
        except SyntaxError as other:
            if (other.lineno or 0) <= number or len(lines) == number:
                return False
        fields["column"], fields["end_column"], fields["fix"] = start + 1, end + 1, text
        return True

    def hint(text):
        fields["hint"] = text

    for opening, closing in ("“”", "‘’", "„“"):
        start, end = line.find(opening), line.rfind(closing)
        if 0 <= start < end:
            hint("write straight quotation marks")
            inner = line[start + 1 : end]
            if '"' not in inner and opening not in inner and closing not in inner:
                fixed(start, end + 1, f'"{inner}"')
            return
    if templates(line, fixed):
        return hint('in Python write f"… {x} …"')
    blank = re.sub(r"\"[^\"]*\"|'[^']*'", lambda match: "_" * len(match[0]), line)
    found = [
        (match, text, said) for pattern, text, said in PIECES for match in re.finditer(pattern, blank)
    ]
    if found:
        hint(found[0][2])
        replace_all(line, found, fixed)
        return
    if "f-string" in error.msg or re.search(r"\bf[\"']", line):
        if format_string(line, fixed):
            return hint("in this Python the expressions of an f-string hold neither its own quotes nor a backslash")
    printed = re.match(r" *print +(\S.*)$", line)
    if printed and fixed(line.index("print"), len(line), f"print({printed[1]})"):
        return hint("in Python 3 print is called")
    if named_by_colon(line, blank, fixed):
        return hint("arguments are named with `=`")
    if compared_with_one(line, blank, fixed):
        return hint("`==` compares, `=` binds a name")
    if without_colon(line, blank, fixed):
        return hint("a line that opens a block ends with a colon")
    if brackets(error.msg, line, fixed):
        return hint("brackets open and close in pairs")
    if error.msg == "unexpected indent":
        further(lines, number, fixed)
    for beginning, said in SAID:
        if error.msg.startswith(beginning):
            fields.setdefault("hint", said)


def replace_all(line, found, fixed):
    """One fix from the first to the last piece of a line."""
    found.sort(key=lambda one: one[0].span())
    first = end = found[0][0].start()
    written = ""
    for match, text, _ in found:
        if match.start() >= end:
            if text is None:
                return
            # The pieces were found in a line whose texts are blank.
            words = re.sub(r"\\(\d)", lambda group: line[slice(*match.span(int(group[1])))], text)
            written += line[end : match.start()] + words
            end = match.end()
    fixed(first, end, written)


def templates(line, fixed):
    """`text ${value}` of JavaScript, all that stand on the line."""
    found = list(re.finditer(r"`([^`]*)`", line))
    if not found:
        return False
    written, end = "", found[0].start()
    for match in found:
        inner = re.sub(r"\$\{([^{}]*)\}|([{}])", lambda piece: f"{{{piece[1]}}}" if piece[1] else piece[0] * 2, match[1])
        quote = "'" if '"' in inner else '"'
        if quote in inner:
            return False
        written += line[end : match.start()] + f"f{quote}{inner}{quote}"
        end = match.end()
    return fixed(found[0].start(), end, written)


def format_string(line, fixed):
    """The quotes of an f-string inside of it: other ones are written for them."""
    for match in re.finditer(r"\bf([\"'])", line):
        quote = match[1]
        other = "'" if quote == '"' else '"'
        for end in range(match.end() + 1, len(line)):
            inner = line[match.end() : end]
            if line[end] != quote or quote not in inner:
                continue
            long = quote * 3
            text = f"f{quote}{inner.replace(quote, other)}{quote}" if other not in inner else f"f{long}{inner}{long}"
            try:
                compile(text, "<program>", "eval", 0x400, True)
            except SyntaxError:
                continue
            if fixed(match.start(), end + 1, text):
                return True
    return False


def opened(blank, end):
    """The bracket that is open where a part of a line ends, and where it stands."""
    stack = []
    for at, character in enumerate(blank[:end]):
        if character in "([{":
            stack.append((character, at))
        elif character in ")]}" and stack:
            stack.pop()
    return stack[-1] if stack else ("", -1)


def named_by_colon(line, blank, fixed):
    """`f(name: value)`: arguments are named with an equals sign."""
    colons = [
        match
        for match in re.finditer(r"(?<=[(,])\s*(\w+) *:(?!=) *", blank)
        if opened(blank, match.start(1))[0] == "("
    ]
    if not colons:
        return False
    start, end = colons[0].start(1), colons[-1].end()
    written, at = "", start
    for match in colons:
        written += line[at : match.start(1)] + f"{match[1]}="
        at = match.end()
    return fixed(start, end, written)


def compared_with_one(line, blank, fixed):
    """`if x = 1`: one of the equals signs is to be two."""
    if not re.search(r"\b(?:if|elif|while|and|or|not|return|assert)\b", blank):
        return False
    return any(fixed(match.start(), match.end(), "==") for match in re.finditer(r"(?<![=!<>:+\-*/%&|^])=(?!=)", blank))


def without_colon(line, blank, fixed):
    """The colon at the end of a line that opens a block, put to the word before it."""
    code = blank.split("#")[0].rstrip()
    if not BLOCK.match(blank) or code.endswith(":"):
        return False
    last = re.search(r"(?:\w+\(\)|\w+|[^\w\s])$", code)
    return bool(last) and fixed(last.start(), len(code), line[last.start() : len(code)] + ":")


def further(lines, number, fixed):
    """A line that stands further right than the one before: its first word goes to where that begins."""
    before = next((one for one in reversed(lines[: number - 1]) if one.strip()), "")
    start = len(before) - len(before.lstrip())
    first = re.match(r"\s*(\w+|\S)", lines[number - 1])
    if before.strip() and first and first.start(1) > start:
        fixed(start, first.end(), first[1])


def brackets(message, line, fixed):
    """A bracket too few at a line's end, or one too many. The fix is the line: a bracket by itself says
    nothing to who pastes it."""
    never = re.match(r"'([(\[{])' was never closed", message)
    extra = re.match(r"unmatched '([)\]}])'", message)
    start, end = len(line) - len(line.lstrip()), len(line.rstrip())
    if never and end:
        closing = {"(": ")", "[": "]", "{": "}"}[never[1]]
        colon = line[end - 1] == ":"
        closed = line[start : end - 1] + closing + ":" if colon else line[start:end] + closing
        return fixed(start, end, closed)
    if extra:
        places = [match.start() for match in re.finditer(re.escape(extra[1]), line)]
        return any(at and fixed(start, end, line[start:at] + line[at + 1 : end]) for at in reversed(places))
    return False
