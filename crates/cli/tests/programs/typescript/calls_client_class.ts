interface Store {
  put(key: string, value: unknown): Promise<void>;
  all(): Promise<Map<string, unknown>>;
}
class ToolStore implements Store {
  private puts = 0;
  async put(key: string, value: unknown): Promise<void> {
    this.puts++;
    await tools.fake.write({ key, value: JSON.stringify(value) });
  }
  async all(): Promise<Map<string, unknown>> {
    const { writes } = (await tools.fake.read_log()) as {
      writes: { key: string; value: string }[];
    };
    return new Map(writes.map(({ key, value }) => [key, JSON.parse(value)]));
  }
  get count(): number {
    return this.puts;
  }
}
const store: Store & { count: number } = new ToolStore();
await store.put("a", { x: 1 });
await store.put("b", [1, "two", null]);
await store.put("a", "again");
console.log(store.count, await store.all());
