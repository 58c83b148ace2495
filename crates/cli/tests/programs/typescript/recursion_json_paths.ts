type Json = null | boolean | number | string | Json[] | { [k: string]: Json };
function* paths(
  value: Json,
  at: (string | number)[] = [],
): Generator<[string, Json]> {
  if (Array.isArray(value))
    for (const [i, item] of value.entries()) yield* paths(item, [...at, i]);
  else if (value !== null && typeof value === "object")
    for (const k in value) yield* paths(value[k]!, [...at, k]);
  else
    yield [
      at.map((p) => (typeof p === "number" ? `[${p}]` : `.${p}`)).join(""),
      value,
    ];
}
const document: Json = { a: [1, { b: null }], c: { d: "x", e: [[true]] } };
for (const [path, value] of paths(document)) console.log(path, "=", value);
