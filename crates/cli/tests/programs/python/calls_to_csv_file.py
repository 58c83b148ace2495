import csv
from pathlib import Path

records = tools.fake.list_records(page=2, size=5)["records"]
path = Path("records.csv")
with path.open("w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, fieldnames=["id", "city", "amount"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(records)
print(path.read_text(encoding="utf-8"))
with path.open(newline="", encoding="utf-8") as file:
    print(sum(int(row["amount"]) for row in csv.DictReader(file)))
