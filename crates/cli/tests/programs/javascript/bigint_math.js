const factorial = (n) => (n < 2n ? 1n : n * factorial(n - 1n));
console.log(factorial(30n).toString(), 2n ** 100n);
console.log(
  7n / 2n,
  -7n % 3n,
  BigInt("0xff"),
  BigInt.asUintN(8, 257n),
  typeof 1n,
  1n < 2,
  2n == 2,
);
const modpow = (b, e, m) => {
  let r = 1n;
  for (b %= m; e > 0n; e >>= 1n, b = (b * b) % m) if (e & 1n) r = (r * b) % m;
  return r;
};
console.log(modpow(3n, 200n, 1000000007n).toString());
try {
  1n + 1;
} catch (error) {
  console.log(error.name);
}
console.log(
  Number(2n ** 53n) === 2 ** 53,
  [3n, 1n, 2n].sort().join(),
  BigInt(Number.MAX_SAFE_INTEGER) + 2n,
);
