const counter = (() => {
  let n = 0;
  return {
    up: () => ++n,
    reset() {
      n = 0;
    },
  };
})();
counter.up();
counter.up();
console.log(counter.up());
counter.reset();
console.log(counter.up());

const memoize =
  (fn, cache = new Map()) =>
  (...args) => {
    const key = JSON.stringify(args);
    if (!cache.has(key)) cache.set(key, fn(...args));
    return cache.get(key);
  };
const fib = memoize((n) => (n < 2 ? n : fib(n - 1) + fib(n - 2)));
console.log(fib(90));
const curry = (fn) =>
  function curried(...args) {
    return args.length >= fn.length
      ? fn(...args)
      : (...more) => curried(...args, ...more);
  };
console.log(curry((a, b, c) => a + b + c)(1)(2, 3));
const compose =
  (...fns) =>
  (x) =>
    fns.reduceRight((v, f) => f(v), x);
console.log(compose(Math.sqrt, (x) => x + 1)(15));
const funcs = [];
for (let i = 0; i < 3; i++) funcs.push(() => i);
for (var j = 0; j < 3; j++) funcs.push(() => j);
console.log(funcs.map((f) => f()));
