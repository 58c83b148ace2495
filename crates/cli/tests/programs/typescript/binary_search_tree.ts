class Node<K, V> {
  left?: Node<K, V>;
  right?: Node<K, V>;
  constructor(
    public key: K,
    public value: V,
  ) {}
}
class TreeMap<K, V> {
  private root?: Node<K, V>;
  private count = 0;
  constructor(private compare: (a: K, b: K) => number) {}
  get size() {
    return this.count;
  }
  set(key: K, value: V): this {
    let node = this.root;
    if (!node) {
      this.root = new Node(key, value);
      this.count++;
      return this;
    }
    for (;;) {
      const order = this.compare(key, node.key);
      if (order === 0) {
        node.value = value;
        return this;
      }
      const side: "left" | "right" = order < 0 ? "left" : "right";
      const child: Node<K, V> | undefined = node[side];
      if (!child) {
        node[side] = new Node(key, value);
        this.count++;
        return this;
      }
      node = child;
    }
  }
  *entries(node = this.root): Generator<[K, V]> {
    if (!node) return;
    if (node.left) yield* this.entries(node.left);
    yield [node.key, node.value];
    if (node.right) yield* this.entries(node.right);
  }
}
const map = new TreeMap<string, number>((a, b) => (a < b ? -1 : a > b ? 1 : 0));
for (const word of "the cat and the dog and the end".split(" ")) {
  map.set(word, ([...map.entries()].find(([k]) => k === word)?.[1] ?? 0) + 1);
}
console.log(
  map.size,
  [...map.entries()].map(([k, v]) => `${k}=${v}`).join(" "),
);
