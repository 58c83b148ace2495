const depth = (n) => (n === 0 ? 0 : 1 + depth(n - 1));
console.log(depth(300));
console.log(depth(5000));
try {
  (function forever() {
    forever();
  })();
} catch (error) {
  console.log(error.name);
}
