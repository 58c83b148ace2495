const inventory = new Map([
  ["apple", 3],
  ["pear", 0],
]);
inventory.set("fig", 12).delete("pear");
console.log(inventory.size, inventory.get("apple"), inventory.has("pear"), [
  ...inventory.keys(),
]);
console.log([...inventory].sort(([, a], [, b]) => b - a));
const a = new Set([1, 2, 3, 4]),
  b = new Set([3, 4, 5]);
console.log(
  [...a].filter((x) => b.has(x)),
  [...new Set([...a, ...b])].length,
);
const seen = new Set();
console.log(["x", "y", "x"].filter((v) => !seen.has(v) && seen.add(v)));
const weak = new WeakMap();
const key = {};
weak.set(key, "private");
console.log(weak.get(key), weak.has({}), Object.fromEntries(inventory));
const objectKey = new Map([
  [NaN, "nan"],
  [0, "zero"],
]);
console.log(objectKey.get(NaN), objectKey.get(-0));
