const user = {
  id: 7,
  name: { first: "Ann", last: "Lee" },
  roles: ["admin", "dev", "ops"],
  age: undefined,
};
const {
  id,
  name: { first, ...names },
  roles: [head, ...tail],
  age = 30,
  missing = "none",
} = user;
console.log(id, first, names, head, tail, age, missing);
let x = 1,
  y = 2;
[x, y] = [y, x];
console.log(x, y);
const { length } = "hello";
const [a, , b = "z", ...rest] = "xyzw";
console.log(length, a, b, rest);
function area({ width = 1, height = width } = {}) {
  return width * height;
}
console.log(area(), area({ width: 3 }), area({ width: 2, height: 5 }));
const key = "dynamic";
const { [key]: value } = { dynamic: 42 };
console.log(value, { ...user, id: 8, roles: undefined }.id);
for (const [i, { n }] of [{ n: 1 }, { n: 2 }].entries()) console.log(i, n);
