# awaits its calls
import asyncio

pages = await asyncio.gather(*[tools.fake.list_records(page=n, size=100) for n in range(10)])
records = [record for page in pages for record in page["records"]]
print(len(records), sum(r["amount"] for r in records))
sums = await asyncio.gather(*(tools.fake.add(a=n, b=1) for n in range(5)))
print([s["sum"] for s in sums])
