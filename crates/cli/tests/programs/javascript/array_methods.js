const numbers = [5, 3, 8, 1];
console.log(
  numbers.at(-1),
  numbers.includes(8),
  numbers.findLast((n) => n > 4),
  numbers.findIndex((n) => n === 8),
);
console.log(
  numbers.slice(1, 3),
  [...numbers].splice(1, 2),
  numbers.with(0, 9),
  numbers.concat([1], 2),
);
console.log(
  [[1, [2]], [3]].flat(Infinity),
  numbers.some((n) => n > 7),
  numbers.every(Number.isInteger),
);
console.log(
  Array.from("abc", (c, i) => c + i),
  Array.of(3),
  new Array(3).fill(0),
  [...Array(3).keys()],
);
console.log(
  numbers.reduceRight((acc, n) => acc + n, ""),
  numbers.lastIndexOf(3),
  numbers.join("-"),
);
console.log(
  [1, , 3].length,
  [1, 2, 3].copyWithin(0, 1),
  Array.isArray([]),
  numbers.indexOf(99),
);
const chunk = (xs, n) =>
  xs.length ? [xs.slice(0, n), ...chunk(xs.slice(n), n)] : [];
console.log(chunk([1, 2, 3, 4, 5], 2));
const zip = (...arrays) => arrays[0].map((_, i) => arrays.map((a) => a[i]));
console.log(
  zip([1, 2], ["a", "b"]),
  numbers.entries().next().value,
  [3, 2, 1].toString(),
);
