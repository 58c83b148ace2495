from pathlib import Path

root = Path("project")
for name, content in {"a.txt": "alpha\n", "sub/b.txt": "beta\nbravo\n", "sub/c.md": "# c\n"}.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
for path in sorted(root.rglob("*")):
    kind = "dir " if path.is_dir() else "file"
    print(kind, path.as_posix(), path.suffix or "-", path.stat().st_size if path.is_file() else "")
print(sum(len(p.read_text().splitlines()) for p in root.glob("**/*.txt")))
(root / "a.txt").rename(root / "z.txt")
(root / "sub" / "c.md").unlink()
print(sorted(p.name for p in root.iterdir()), (root / "a.txt").exists())
print(Path("/a/b/../c.tar.gz").suffixes, Path("x/y").parts, Path("data.json").with_suffix(".csv"))
