console.log(
  JSON.stringify({
    u: undefined,
    f() {},
    n: NaN,
    i: -Infinity,
    d: new Date(0),
    s: Symbol("x"),
    nested: [undefined, () => 1],
  }),
);
console.log(
  JSON.stringify('\u2028\ud800"\\\n'),
  JSON.stringify([new Map([[1, 2]]), new Set([1]), /x/g, new Error("e")]),
);
console.log(JSON.stringify({ b: 1, a: [1, { c: 2 }] }, null, "\t"));
console.log(
  JSON.stringify({ a: 1, b: 2, c: { a: 3 } }, ["a", "c"]),
  JSON.stringify(1e21),
  JSON.stringify(-0),
);
console.log(
  JSON.parse('{"a":[1,2,{"b":"2024-01-01"}]}', (k, v) =>
    k === "b" ? v.split("-").map(Number) : v,
  ).a[2].b,
);
try {
  JSON.parse("{bad}");
} catch (error) {
  console.log(error.name);
}
const cycle = {};
cycle.self = cycle;
try {
  JSON.stringify(cycle);
} catch (error) {
  console.log(error.constructor === TypeError);
}
console.log(
  JSON.stringify({
    toJSON() {
      return "custom";
    },
  }),
  JSON.stringify(Object.create({ inherited: 1 })),
);
console.log(
  JSON.parse("[1e3, 0.10, 1E-2]"),
  JSON.stringify(9007199254740993),
  JSON.parse('"\\u00fc"'),
);
console.log(JSON.stringify(JSON.parse('{"__proto__": 1, "2": "b", "1": "a"}')));
try {
  JSON.stringify({ n: 1n });
} catch (error) {
  console.log(error.name);
}
