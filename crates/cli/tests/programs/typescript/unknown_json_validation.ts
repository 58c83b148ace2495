type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface User {
  id: number;
  email: string;
  roles: string[];
}
const checks: { [K in keyof User]: (v: unknown) => v is User[K] } = {
  id: (v): v is number => Number.isInteger(v),
  email: (v): v is string => typeof v === "string" && /^\S+@\S+$/.test(v),
  roles: (v): v is string[] =>
    Array.isArray(v) && v.every((r) => typeof r === "string"),
};
function validate(value: Json): User | string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return ["not an object"];
  const problems = (Object.keys(checks) as (keyof User)[]).filter(
    (k) => !checks[k](value[k]),
  );
  return problems.length
    ? problems.map((p) => `bad ${p}`)
    : (value as unknown as User);
}
for (const text of [
  '{"id":1,"email":"a@b.c","roles":[]}',
  '{"id":1.5,"email":"x"}',
  "[]",
]) {
  console.log(validate(JSON.parse(text) as Json));
}
