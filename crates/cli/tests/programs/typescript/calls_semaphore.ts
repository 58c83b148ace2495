class Semaphore {
  private waiting: Array<() => void> = [];
  constructor(private free: number) {}
  async with<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}
const semaphore = new Semaphore(3);
const sums = await Promise.all(
  Array.from({ length: 12 }, (_, n) =>
    semaphore.with(
      async () =>
        ((await tools.fake.add({ a: n, b: 100 })) as { sum: number }).sum,
    ),
  ),
);
console.log(sums.join(" "));
