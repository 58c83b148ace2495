import asyncio


async def producer(queue, count):
    for n in range(count):
        await queue.put(n)
        await asyncio.sleep(0)
    await queue.put(None)


async def consumer(queue):
    total = 0
    while (item := await queue.get()) is not None:
        total += item
    return total


async def slow():
    await asyncio.sleep(10)


async def countdown(n):
    while n:
        yield n
        n -= 1
        await asyncio.sleep(0)


async def main():
    queue = asyncio.Queue(maxsize=2)
    _, total = await asyncio.gather(producer(queue, 10), consumer(queue))
    print("total", total)
    try:
        await asyncio.wait_for(slow(), 0.01)
    except asyncio.TimeoutError:
        print("timed out")
    print([n async for n in countdown(3)])
    semaphore = asyncio.Semaphore(2)
    running = most = 0

    async def limited(n):
        nonlocal running, most
        async with semaphore:
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1
            return n

    print(await asyncio.gather(*(limited(n) for n in range(6))), most)
    results = await asyncio.gather(limited(1), asyncio.to_thread(sum, [1, 2]), return_exceptions=True)
    print(results)


asyncio.run(main())
