const edges = [
  ["A", "B", 7],
  ["A", "C", 3],
  ["C", "B", 1],
  ["B", "D", 2],
  ["C", "D", 8],
];
const graph = new Map();
for (const [from, to, weight] of edges) {
  for (const node of [from, to]) if (!graph.has(node)) graph.set(node, []);
  graph.get(from).push({ to, weight });
}
function shortest(start) {
  const distance = new Map([...graph.keys()].map((node) => [node, Infinity]));
  distance.set(start, 0);
  const open = new Set(graph.keys());
  while (open.size) {
    const node = [...open].reduce((a, b) =>
      distance.get(a) <= distance.get(b) ? a : b,
    );
    open.delete(node);
    for (const { to, weight } of graph.get(node)) {
      distance.set(to, Math.min(distance.get(to), distance.get(node) + weight));
    }
  }
  return distance;
}
console.log(shortest("A"));
function topological() {
  const incoming = new Map([...graph.keys()].map((n) => [n, 0]));
  for (const [, to] of edges) incoming.set(to, incoming.get(to) + 1);
  const queue = [...incoming].filter(([, n]) => n === 0).map(([n]) => n);
  const order = [];
  while (queue.length) {
    const node = queue.shift();
    order.push(node);
    for (const { to } of graph.get(node)) {
      incoming.set(to, incoming.get(to) - 1);
      if (incoming.get(to) === 0) queue.push(to);
    }
  }
  return order;
}
console.log(topological().join(" "));
