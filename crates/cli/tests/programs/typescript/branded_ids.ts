type Brand<T, B extends string> = T & { readonly __brand: B };
type UserId = Brand<number, "user">;
type Email = Brand<string, "email">;
const userId = (n: number): UserId => {
  if (n <= 0) throw new RangeError("id");
  return n as UserId;
};
const email = (s: string): Email => {
  if (!s.includes("@")) throw new TypeError(`no email: ${s}`);
  return s.toLowerCase() as Email;
};
const users = new Map<UserId, Email>([[userId(1), email("Ann@Example.org")]]);
console.log(users.get(userId(1)));
for (const bad of ["x", ""])
  try {
    email(bad);
  } catch (e) {
    console.log(`${e}`);
  }
