const when = new Date(Date.UTC(2024, 0, 15, 13, 5));
console.log(when.toLocaleDateString("en-US", { timeZone: "UTC" }));
console.log(when.toLocaleString("en-US", { timeZone: "UTC" }));
console.log(
  when.toLocaleDateString("en-US", {
    weekday: "short",
    month: "short",
    day: "numeric",
    timeZone: "UTC",
  }),
);
