const grid = [
  [1, 2, 3],
  [4, -1, 6],
  [7, 8, 9],
];
let found;
search: for (let y = 0; y < grid.length; y++) {
  for (let x = 0; x < grid[y].length; x++) {
    if (grid[y][x] < 0) {
      found = { x, y };
      break search;
    }
  }
}
console.log(found);
const primes = [];
next: for (let n = 2; primes.length < 12; n++) {
  for (const p of primes) if (n % p === 0) continue next;
  primes.push(n);
}
console.log(primes.join(" "));
block: {
  if (primes.length) break block;
  console.log("not reached");
}
let n = 27,
  steps = 0;
do {
  n = n % 2 ? 3 * n + 1 : n / 2;
  steps++;
} while (n !== 1);
console.log(steps);
switch (steps % 4) {
  case 0:
    console.log("zero");
  case 3:
    console.log("three");
  case 1:
    console.log("fell through");
    break;
  default:
    console.log("other");
}
