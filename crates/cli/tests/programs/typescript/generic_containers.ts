class TypedMap<K extends string, V> implements Iterable<[K, V]> {
  private readonly entries = new Map<K, V>();
  set<N extends K>(key: N, value: V): this {
    this.entries.set(key, value);
    return this;
  }
  get(key: K): V | undefined {
    return this.entries.get(key);
  }
  map<U>(fn: (value: V, key: K) => U): TypedMap<K, U> {
    const out = new TypedMap<K, U>();
    for (const [k, v] of this) out.set(k, fn(v, k));
    return out;
  }
  *[Symbol.iterator](): Iterator<[K, V]> {
    yield* this.entries;
  }
}
class Stack<T = string> {
  #items: T[] = [];
  push(...items: T[]): number {
    return this.#items.push(...items);
  }
  pop(): T | undefined {
    return this.#items.pop();
  }
  get size(): number {
    return this.#items.length;
  }
}
const map = new TypedMap<"a" | "b", number>().set("a", 1).set("b", 2);
console.log([...map.map((v, k) => `${k}${v * 10}`)], map.get("a"));
const stack = new Stack<number | null>();
stack.push(1, null, 3);
console.log(stack.pop(), stack.pop(), stack.size);
const identity = <T>(value: T): T => value;
console.log(identity<string>("same"), identity([1, 2]).length);
