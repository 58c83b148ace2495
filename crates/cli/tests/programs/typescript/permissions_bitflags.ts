enum Permission {
  None,
  Read = 1 << 0,
  Write = 1 << 1,
  Admin = Read | Write | (1 << 2),
}
type Role = keyof typeof Permission;
const roles: Record<string, Role[]> = {
  guest: ["Read"],
  editor: ["Read", "Write"],
  root: ["Admin"],
};
const mask = (names: Role[]): Permission =>
  names.reduce((m, n) => m | Permission[n], Permission.None);
const can = (role: string, p: Permission): boolean =>
  (mask(roles[role] ?? []) & p) === p;
for (const role of [...Object.keys(roles), "nobody"]) {
  console.log(
    role.padEnd(7),
    can(role, Permission.Read),
    can(role, Permission.Write),
    can(role, Permission.Admin),
  );
}
console.log(Permission[3], Permission[7], Permission[Permission.Write]);
