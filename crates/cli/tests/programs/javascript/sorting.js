const people = [
  { name: "Zoe", age: 30 },
  { name: "Adam", age: 25 },
  { name: "Bob", age: 30 },
  { name: "Eve", age: 25 },
];
console.log([...people].sort((a, b) => a.age - b.age).map((p) => p.name));
console.log(
  [...people]
    .sort((a, b) => b.age - a.age || a.name.localeCompare(b.name))
    .map((p) => p.name),
);
console.log([10, 9, 1, undefined, 100].sort(), [3, 1, 2].toSorted().reverse());
console.log(["b", "A", "a", "B"].sort(), [true, false].sort());
const big = Array.from({ length: 2000 }, (_, i) => ({ k: i % 7, i }));
big.sort((a, b) => a.k - b.k);
console.log(
  big.every((x, i) => i === 0 || big[i - 1].k < x.k || big[i - 1].i < x.i),
);
