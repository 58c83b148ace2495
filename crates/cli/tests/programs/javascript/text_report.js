const rows = [
  ["Tea", 2.5, 3],
  ["Café au lait", 3.2, 10],
  ["Cake", 4, 1],
];
const money = (n) => `€${n.toFixed(2)}`;
let total = 0;
for (const [name, price, n] of rows) {
  total += price * n;
  console.log(
    `${name.padEnd(14, ".")}${String(n).padStart(3)} x ${money(price).padStart(7)} = ${money(price * n).padStart(8)}`,
  );
}
console.log(
  "=".repeat(38) + "\n" + "Total".padEnd(28) + money(total).padStart(10),
);
