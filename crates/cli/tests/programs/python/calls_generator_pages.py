import itertools
from typing import Iterator


def records(size: int = 40) -> Iterator[dict]:
    page = 0
    while page is not None:
        answer = tools.fake.list_records(page=page, size=size)
        yield from answer["records"]
        page = answer["next_page"]


first = list(itertools.islice((r for r in records() if r["city"] == "Gdańsk"), 4))
print([r["id"] for r in first])
print(next((r["name"] for r in records() if r["amount"] == 1000), "none"))
print(sum(1 for _ in records(size=300)))
