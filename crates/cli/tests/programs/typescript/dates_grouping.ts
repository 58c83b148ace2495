interface Visit {
  at: string;
  user: string;
}
const visits: Visit[] = [
  { at: "2024-02-28T23:30:00Z", user: "a" },
  { at: "2024-02-29T01:00:00Z", user: "b" },
  { at: "2024-03-04T12:00:00+02:00", user: "a" },
  { at: "2024-03-10T00:00:00Z", user: "c" },
];
function week(date: Date): string {
  const d = new Date(
    Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()),
  );
  d.setUTCDate(d.getUTCDate() + 4 - (d.getUTCDay() || 7));
  const start = Date.UTC(d.getUTCFullYear(), 0, 1);
  return `${d.getUTCFullYear()}-W${String(Math.ceil(((d.getTime() - start) / 864e5 + 1) / 7)).padStart(2, "0")}`;
}
const weeks = visits.reduce<Map<string, Set<string>>>((map, { at, user }) => {
  const key = week(new Date(at));
  return map.set(key, (map.get(key) ?? new Set()).add(user));
}, new Map());
console.log(weeks);
