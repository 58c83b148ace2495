console.log({
  id: 1,
  name: "Ann",
  tags: ["a", "b"],
  nested: { ok: true, none: null, undef: undefined },
});
console.log(
  [{ a: 1 }, { a: 2 }],
  new Map([["k", { v: 1 }]]),
  new Set(["x", 2]),
);
console.log("text", 1, true, null, undefined, Symbol("s"), 10n, -0);
console.log([1.5, "two", [3, [4]]], [], {}, [[]], [undefined, null]);
console.log(class Foo {}, function bar() {}, new Date(0), /re/gi);
console.log("%s is %d years and %i, %f, %j", "Ann", 42.5, 42.9, "1.5", {
  a: 1,
});
class Point {
  constructor(x, y) {
    this.x = x;
    this.y = y;
  }
}
console.log(new Point(1, 2), [new Point(3, 4)], "a\nb", ["it's"]);
console.log({
  "key with space": 1,
  2: "two",
  [Symbol("sym")]: 3,
  fn() {},
  arrow: () => 1,
  get g() {
    return 1;
  },
});
