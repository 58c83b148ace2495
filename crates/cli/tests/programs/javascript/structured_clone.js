const original = {
  date: new Date(0),
  map: new Map([["a", [1]]]),
  set: new Set([1]),
  nested: { list: [1, { x: 2 }] },
};
original.self = original;
const copy = structuredClone(original);
copy.nested.list[1].x = 99;
copy.map.get("a").push(2);
console.log(
  original.nested.list[1].x,
  original.map.get("a").length,
  copy.self === copy,
  copy.date.getTime(),
);
console.log(
  copy.set.has(1),
  copy.date instanceof Date,
  copy.map instanceof Map,
);
try {
  structuredClone({ f() {} });
} catch (error) {
  console.log(error.name);
}
