import asyncio


async def fetch(n):
    await asyncio.sleep(0.001 * (3 - n))
    if n == 7:
        raise LookupError(n)
    return n * 10


async def main():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(n)) for n in range(3)]
    print([task.result() for task in tasks])
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fetch(7))
            group.create_task(asyncio.sleep(5))
    except* LookupError as errors:
        print(errors.exceptions)
    async with asyncio.timeout(1):
        print(await asyncio.shield(fetch(2)))
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.001, event.set)
    await event.wait()
    print("event")


asyncio.run(main())
