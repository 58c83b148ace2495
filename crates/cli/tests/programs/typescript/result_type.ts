type Ok<T> = { ok: true; value: T };
type Err<E> = { ok: false; error: E };
type Result<T, E = Error> = Ok<T> | Err<E>;
const ok = <T>(value: T): Ok<T> => ({ ok: true, value });
const err = <E>(error: E): Err<E> => ({ ok: false, error });
function parseNumber(text: string): Result<number, string> {
  const n = Number(text);
  return text.trim() === "" || Number.isNaN(n)
    ? err(`not a number: <${text}>`)
    : ok(n);
}
function all<T, E>(results: Result<T, E>[]): Result<T[], E> {
  const values: T[] = [];
  for (const r of results) {
    if (!r.ok) return r;
    values.push(r.value);
  }
  return ok(values);
}
console.log(
  all(["1", "2.5"].map(parseNumber)),
  all(["1", "x", ""].map(parseNumber)),
);
const r = parseNumber("7");
if (r.ok) console.log(r.value * 2);
