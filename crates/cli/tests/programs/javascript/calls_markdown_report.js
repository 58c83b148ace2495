const { records } = await tools.fake.big_json({ records: 12 });
const columns = ["id", "name", "city", "amount", "active"];
const widths = columns.map((c) =>
  Math.max(c.length, ...records.map((r) => String(r[c]).length)),
);
const line = (cells) =>
  `| ${cells.map((cell, i) => String(cell).padEnd(widths[i])).join(" | ")} |`;
console.log(line(columns));
console.log(`|${widths.map((w) => "-".repeat(w + 2)).join("|")}|`);
for (const record of records.sort((a, b) => b.amount - a.amount)) {
  console.log(
    line(
      columns.map((c) =>
        typeof record[c] === "boolean" ? (record[c] ? "yes" : "no") : record[c],
      ),
    ),
  );
}
