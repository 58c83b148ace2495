import re

text = tools.fake.echo(
    text="""PR #12 (open) by ann: Fix the build
PR #15 (merged) by bob: Add docs
PR #16 (open) by ann: Remove dead code"""
)
pulls = [
    {"number": int(m["number"]), **{k: m[k] for k in ("state", "author", "title")}}
    for m in re.finditer(r"PR #(?P<number>\d+) \((?P<state>\w+)\) by (?P<author>\w+): (?P<title>.+)", text)
]
for pull in sorted(pulls, key=lambda p: -p["number"]):
    print(f"#{pull['number']:<4}{pull['state']:<8}{pull['author']:<6}{pull['title']}")
print({a: sum(p["author"] == a for p in pulls) for a in sorted({p["author"] for p in pulls})})
