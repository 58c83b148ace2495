const start = new Date(Date.UTC(2024, 1, 28));
for (let i = 0; i < 3; i++) {
  const day = new Date(start);
  day.setUTCDate(start.getUTCDate() + i);
  console.log(day.toISOString().slice(0, 10), day.getUTCDay());
}
const parsed = new Date("2024-03-10T09:30:00-05:00");
console.log(parsed.toISOString(), parsed.getTime(), JSON.stringify({ parsed }));
console.log(
  new Date("2024-05-06").toISOString(),
  new Date("nonsense").getTime(),
  Date.parse("2024-01-01T00:00:00Z"),
);
const days = (new Date("2024-12-25") - new Date("2024-03-10")) / 864e5;
console.log(days, new Date(0).toUTCString());
const month = (d) =>
  `${d.getUTCFullYear()}-${String(d.getUTCMonth() + 1).padStart(2, "0")}`;
console.log(
  ["2024-01-31T23:59:59Z", "2024-02-01T00:00:00Z"].map((t) =>
    month(new Date(t)),
  ),
);
console.log(
  new Date(2024, 0, 31).getMonth(),
  new Date(2024, 1, 31).getMonth(),
  typeof Date.now(),
);
