type Task<T> = () => Promise<T>;
class Queue {
  private running = 0;
  private waiting: (() => void)[] = [];
  constructor(private readonly limit: number) {}
  async run<T>(task: Task<T>): Promise<T> {
    if (this.running >= this.limit)
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running++;
    try {
      return await task();
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }
}
const sleep = (ms: number): Promise<void> =>
  new Promise((r) => setTimeout(r, ms));
const queue = new Queue(2);
let now = 0,
  most = 0;
const results: number[] = await Promise.all(
  [3, 1, 2, 1].map((n) =>
    queue.run(async () => {
      most = Math.max(most, ++now);
      await sleep(n);
      now--;
      return n * n;
    }),
  ),
);
console.log(results, most);
