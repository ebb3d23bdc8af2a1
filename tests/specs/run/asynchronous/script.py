import asyncio
import time


async def main():
    started = time.perf_counter()
    results = await asyncio.gather(*(asyncio.sleep(0.1, number) for number in range(3)))
    print(results, time.perf_counter() - started < 0.2)


asyncio.run(main())
started = time.perf_counter()
time.sleep(0.05)
print(time.perf_counter() - started >= 0.05)
