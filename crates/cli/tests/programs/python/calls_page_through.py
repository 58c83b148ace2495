page, seen, active = 0, 0, []
while page is not None:
    answer = tools.fake.list_records(page=page, size=200)
    seen += len(answer["records"])
    active += [r["id"] for r in answer["records"] if r["active"] and r["amount"] > 990]
    page = answer["next_page"]
print(seen, active)
