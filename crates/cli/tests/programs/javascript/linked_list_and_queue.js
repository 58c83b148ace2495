class Node {
  constructor(value, next = null) {
    this.value = value;
    this.next = next;
  }
}
class List {
  head = null;
  size = 0;
  static from(items) {
    const list = new List();
    for (const item of [...items].reverse()) list.unshift(item);
    return list;
  }
  unshift(value) {
    this.head = new Node(value, this.head);
    this.size++;
    return this;
  }
  reverse() {
    let previous = null;
    for (let node = this.head; node;)
      [node.next, previous, node] = [previous, node, node.next];
    this.head = previous;
    return this;
  }
  *[Symbol.iterator]() {
    for (let node = this.head; node; node = node.next) yield node.value;
  }
  toString() {
    return [...this].join(" -> ");
  }
}
const list = List.from([1, 2, 3, 4]);
console.log(`${list}`, list.size, `${list.reverse()}`);

class Heap {
  #items = [];
  constructor(less = (a, b) => a < b) {
    this.less = less;
  }
  push(item) {
    const items = this.#items;
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.less(items[i], items[parent])) break;
      [items[i], items[parent]] = [items[parent], items[i]];
      i = parent;
    }
  }
  pop() {
    const items = this.#items,
      top = items[0],
      last = items.pop();
    if (items.length) {
      items[0] = last;
      for (let i = 0; ;) {
        let child = 2 * i + 1;
        if (child >= items.length) break;
        if (
          child + 1 < items.length &&
          this.less(items[child + 1], items[child])
        )
          child++;
        if (!this.less(items[child], items[i])) break;
        [items[i], items[child]] = [items[child], items[i]];
        i = child;
      }
    }
    return top;
  }
  get length() {
    return this.#items.length;
  }
}
const heap = new Heap((a, b) => a.at < b.at);
for (const [at, name] of [
  [5, "e"],
  [1, "a"],
  [3, "c"],
  [2, "b"],
])
  heap.push({ at, name });
let order = "";
while (heap.length) order += heap.pop().name;
console.log(order);
