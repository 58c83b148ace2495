const parse = (text) =>
  text
    .trim()
    .split("\n")
    .map((row) => [...row].map((c) => c === "#"));
const step = (grid) =>
  grid.map((row, y) =>
    row.map((alive, x) => {
      let near = 0;
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++)
          if (dx || dy) near += grid[y + dy]?.[x + dx] ? 1 : 0;
      return near === 3 || (alive && near === 2);
    }),
  );
const show = (grid) =>
  grid
    .map((row) => row.map((alive) => (alive ? "#" : ".")).join(""))
    .join("\n");
let grid = parse(`
.#...
..#..
###..
.....
.....`);
for (let i = 0; i < 4; i++) grid = step(grid);
console.log(show(grid));
