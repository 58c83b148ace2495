const later = (ms, value, fail) =>
  new Promise((resolve, reject) =>
    setTimeout(() => (fail ? reject(new Error(value)) : resolve(value)), ms),
  );
console.log(await Promise.all([later(3, "slow"), 1, later(1, "fast")]));
console.log(await Promise.race([later(20, "slow"), later(1, "fast")]));
console.log(await Promise.any([later(1, "bad", true), later(5, "good")]));
const settled = await Promise.allSettled([
  later(1, "ok"),
  later(1, "no", true),
]);
console.log(
  settled.map((s) => (s.status === "fulfilled" ? s.value : s.reason.message)),
);
try {
  await Promise.any([
    Promise.reject(new Error("a")),
    Promise.reject(new Error("b")),
  ]);
} catch (error) {
  console.log(
    error.constructor.name,
    error.errors.map((e) => e.message),
  );
}
await later(1, "x", true)
  .catch((e) => console.log("caught", e.message))
  .finally(() => console.log("finally"));
const timeout = (promise, ms) =>
  Promise.race([promise, later(ms, "timed out", true)]);
await timeout(later(50, "never"), 2).catch((e) => console.log(e.message));
