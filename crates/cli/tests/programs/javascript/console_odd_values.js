console.log(["a\nb", 'q"q']);
console.log(() => {});
console.log(Object.create(null));
console.log(
  class A extends Array {},
  Symbol,
  [1, , 3],
  new Error("x").message,
  Object.assign(() => {}, { a: 1 }),
);
console.log(
  [new Date(NaN)],
  new Number(3),
  new WeakMap(),
  new Promise(() => {}),
  globalThis === this,
);
