# awaits its calls
import asyncio


async def total(page):
    answer = await tools.fake.list_records(page=page, size=50)
    return page, sum(r["amount"] for r in answer["records"] if r["active"])


async def main():
    tasks = [asyncio.create_task(total(page)) for page in range(20)]
    results = dict(await asyncio.gather(*tasks))
    best = max(results, key=results.get)
    print(best, results[best])
    limit = asyncio.Semaphore(3)

    async def echo(text):
        async with limit:
            return await tools.fake.echo(text=text)

    print(await asyncio.gather(*(echo(c) for c in "abcde")))
    outcomes = await asyncio.gather(
        tools.fake.fail(message="no"), tools.fake.add(a=1, b=1), return_exceptions=True
    )
    print([str(o) if isinstance(o, Exception) else o for o in outcomes])


asyncio.run(main())
