console.log(
  (1234567.891).toLocaleString("en-US"),
  (0.256).toLocaleString("en-US", { style: "percent" }),
);
console.log(
  new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" }).format(
    1234.5,
  ),
);
console.log(
  new Date(Date.UTC(2024, 0, 15)).toLocaleDateString("en-US", {
    timeZone: "UTC",
  }),
);
console.log(
  new Intl.DateTimeFormat("en-US", {
    dateStyle: "long",
    timeZone: "UTC",
  }).format(new Date(0)),
);
