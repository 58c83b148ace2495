import re

text = "Contact: ann@example.org, bob.b@mail.example.com; tel +49 (0)30-1234567, 2024-02-30, 12:45"
print(re.findall(r"[\w.]+@[\w.]+\.\w+", text))
print(re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1", text)[-19:])
print(re.split(r"[,;]\s*", text)[0])
print([m.span() for m in re.finditer(r"\b\d{2}\b", text)])
print(re.fullmatch(r"(?x) (\d+) \s* (px|em)  # a length", "12 em").groups())
print(re.sub(r"\b(\w)(\w*)", lambda m: m[1].upper() + m[2], "the end of it"))
print(re.match(r"(?P<key>\w+)=(?P<value>.*)", "a=b=c").groupdict())
print(re.findall(r"(?<=\$)\d+(?:\.\d\d)?", "$5 and $7.25 not 9"))
print(re.compile(r"^\s*#", re.M).sub(" //", "# a\n  # b\nc"))
