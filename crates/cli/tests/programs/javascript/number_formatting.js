console.log(
  (1234.5678).toFixed(2),
  (0.1 + 0.2).toFixed(10),
  (255).toString(16),
  (255).toString(2),
  (1e21).toString(),
);
console.log(
  (1234.5678).toPrecision(6),
  (0.00001).toString(),
  (123456).toExponential(2),
  (-1.5).toFixed(0),
  (2.5).toFixed(0),
);
console.log(
  0.1 + 0.2,
  1 / 3,
  5e-324,
  1.7976931348623157e308,
  -0,
  100,
  1e100,
  123456789012345680000,
);
console.log(
  Math.round(-2.5),
  Math.trunc(-2.7),
  Math.sign(-3),
  Math.hypot(3, 4),
  Math.cbrt(27),
  Math.log2(8),
  Math.max(),
);
console.log(
  Number.EPSILON > 0,
  Number.isSafeInteger(2 ** 53),
  Number.parseFloat("1.50"),
  (25).toString(36),
  0b101,
  0o17,
  1_000,
);
console.log(
  7 % -3,
  -7 % 3,
  2 ** -1,
  5 / 0,
  0 / 0,
  ~~3.7,
  3.7 | 0,
  1 << 31,
  -1 >>> 0,
);
console.log(isNaN("x"), Number.isNaN("x"), [1, 2, 3].map(parseInt), typeof NaN);
