type Cat = { kind: "cat"; lives: number };
type Dog = { kind: "dog"; tricks: string[] };
type Pet = Cat | Dog;
const isCat = (pet: Pet): pet is Cat => pet.kind === "cat";
function assertString(value: unknown): asserts value is string {
  if (typeof value !== "string")
    throw new TypeError(`not a string: ${typeof value}`);
}
function never(value: never): never {
  throw new Error(`unexpected ${value}`);
}
function describe(pet: Pet): string {
  switch (pet.kind) {
    case "cat":
      return `cat with ${pet.lives} lives`;
    case "dog":
      return `dog that can ${pet.tricks.join(" and ")}`;
    default:
      return never(pet);
  }
}
const pets: Pet[] = [
  { kind: "cat", lives: 9 },
  { kind: "dog", tricks: ["sit", "roll"] },
];
console.log(pets.map(describe), pets.filter(isCat).length);
try {
  assertString(5 as unknown);
} catch (e: unknown) {
  if (e instanceof Error) console.log(e.message);
}
const has = <K extends string>(o: object, k: K): o is Record<K, unknown> =>
  k in o;
console.log(has({ a: 1 }, "a"), "tricks" in pets[1]);
