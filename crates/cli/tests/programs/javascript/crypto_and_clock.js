console.log(
  crypto.randomUUID().length,
  crypto.getRandomValues(new Uint8Array(4)).length,
);
const start = performance.now();
let sum = 0;
for (let i = 0; i < 1e5; i++) sum += i;
console.log(sum, performance.now() >= start);
