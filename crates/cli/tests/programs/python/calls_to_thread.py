import asyncio


def size_of(n):
    return len(tools.fake.big(bytes=n * 1000))


async def main():
    sizes = await asyncio.gather(*(asyncio.to_thread(size_of, n) for n in range(1, 6)))
    print(sizes)
    loop = asyncio.get_running_loop()
    print(await loop.run_in_executor(None, size_of, 50))


asyncio.run(main())
