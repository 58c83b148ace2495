class Query<T extends Record<string, unknown>> {
  private predicates: ((row: T) => boolean)[] = [];
  private order?: { key: keyof T; descending: boolean };
  private max = Infinity;
  private constructor(private readonly rows: readonly T[]) {}
  static from<T extends Record<string, unknown>>(rows: readonly T[]): Query<T> {
    return new Query(rows);
  }
  where<K extends keyof T>(
    key: K,
    test: T[K] | ((value: T[K]) => boolean),
  ): this {
    this.predicates.push((row) =>
      typeof test === "function"
        ? (test as (v: T[K]) => boolean)(row[key])
        : row[key] === test,
    );
    return this;
  }
  orderBy(key: keyof T, direction: "asc" | "desc" = "asc"): this {
    this.order = { key, descending: direction === "desc" };
    return this;
  }
  limit(n: number): this {
    this.max = n;
    return this;
  }
  run(): T[] {
    const out = this.rows.filter((row) => this.predicates.every((p) => p(row)));
    if (this.order) {
      const { key, descending } = this.order;
      out.sort(
        (a, b) =>
          (a[key]! < b[key]! ? -1 : a[key]! > b[key]! ? 1 : 0) *
          (descending ? -1 : 1),
      );
    }
    return out.slice(0, this.max);
  }
}
const rows = [
  { n: 1, c: "x" },
  { n: 5, c: "y" },
  { n: 3, c: "x" },
  { n: 9, c: "x" },
];
console.log(
  Query.from(rows)
    .where("c", "x")
    .where("n", (n) => n > 1)
    .orderBy("n", "desc")
    .limit(2)
    .run(),
);
