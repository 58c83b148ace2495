import csv
import io
from collections import defaultdict

DATA = """date,region,product,units,price
2024-01-03,EU,widget,10,2.50
2024-01-03,US,widget,4,2.75
2024-01-09,EU,gadget,3,19.99
2024-02-01,APAC,widget,25,2.25
2024-02-14,US,gadget,1,21.00
2024-02-28,EU,widget,7,2.50
"""

totals = defaultdict(lambda: {"units": 0, "revenue": 0.0})
for row in csv.DictReader(io.StringIO(DATA)):
    entry = totals[row["region"]]
    entry["units"] += int(row["units"])
    entry["revenue"] += int(row["units"]) * float(row["price"])

print(f"{'region':<8}{'units':>6}{'revenue':>10}")
for region, entry in sorted(totals.items(), key=lambda item: -item[1]["revenue"]):
    print(f"{region:<8}{entry['units']:>6}{entry['revenue']:>10.2f}")
grand = sum(e["revenue"] for e in totals.values())
print(f"{'total':<14}{grand:>10,.2f}")
