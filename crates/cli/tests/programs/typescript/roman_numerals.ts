const table: readonly (readonly [number, string])[] = [
  [1000, "M"],
  [900, "CM"],
  [500, "D"],
  [400, "CD"],
  [100, "C"],
  [90, "XC"],
  [50, "L"],
  [40, "XL"],
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
];
const toRoman = (n: number): string => {
  let out = "";
  for (const [v, s] of table)
    while (n >= v) {
      out += s;
      n -= v;
    }
  return out;
};
const fromRoman = (s: string): number => {
  let n = 0;
  for (const [v, r] of table)
    while (s.startsWith(r)) {
      n += v;
      s = s.slice(r.length);
    }
  return n;
};
console.log([1994, 2024, 49, 3888].map(toRoman), [..."x".repeat(3)].length);
console.log(
  Array.from({ length: 3999 }, (_, i) => i + 1).every(
    (n) => fromRoman(toRoman(n)) === n,
  ),
);
