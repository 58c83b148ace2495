function* range(
  start: number,
  end: number,
  step = 1,
): Generator<number, string, boolean | undefined> {
  for (let n = start; n < end; n += step) {
    const stop = yield n;
    if (stop) return "stopped";
  }
  return "finished";
}
const it = range(0, 10, 4);
console.log(it.next(), it.next(), it.next(true));
class Tree<T> implements Iterable<T> {
  private children: Tree<T>[] = [];
  constructor(readonly value: T) {}
  add(...values: T[]): Tree<T> {
    this.children.push(...values.map((v) => new Tree(v)));
    return this;
  }
  child(i: number): Tree<T> {
    return this.children[i]!;
  }
  *[Symbol.iterator](): IterableIterator<T> {
    yield this.value;
    for (const child of this.children) yield* child;
  }
}
const tree = new Tree("root").add("a", "b");
tree.child(0).add("a1", "a2");
console.log([...tree].join(" "), Math.max(...range(1, 4)));
