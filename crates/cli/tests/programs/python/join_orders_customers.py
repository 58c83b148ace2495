customers = {1: "Ada", 2: "Grace", 3: "Edsger"}
orders = [
    {"id": 100, "customer": 1, "total": 250},
    {"id": 101, "customer": 2, "total": 80},
    {"id": 102, "customer": 1, "total": 40},
    {"id": 103, "customer": 9, "total": 5},
]
joined = [{**order, "name": customers.get(order["customer"], "?")} for order in orders]
spend = {}
for order in joined:
    spend.setdefault(order["name"], []).append(order["total"])
for name, totals in sorted(spend.items(), key=lambda kv: sum(kv[1]), reverse=True):
    print(f"{name:10s} n={len(totals)} sum={sum(totals):4d} avg={sum(totals)/len(totals):7.2f}")
print("without orders:", [c for i, c in customers.items() if all(o["customer"] != i for o in orders)])
print("orphans:", [o["id"] for o in orders if o["customer"] not in customers])
