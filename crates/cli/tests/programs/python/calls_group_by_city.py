from collections import defaultdict
from statistics import mean

amounts = defaultdict(list)
page = 0
while True:
    answer = tools.fake.list_records(page=page, size=250)
    for record in answer["records"]:
        amounts[record["city"]].append(record["amount"])
    if answer["next_page"] is None:
        break
    page = answer["next_page"]

print(f"{'city':<8} {'n':>4} {'sum':>7} {'mean':>8} {'max':>5}")
for city, values in sorted(amounts.items()):
    print(f"{city:<8} {len(values):>4} {sum(values):>7} {mean(values):>8.2f} {max(values):>5}")
best = max(amounts, key=lambda city: sum(amounts[city]))
print("best:", best)
