interface Column<T> {
  title: string;
  value: (row: T) => string | number;
  align?: "left" | "right";
}
function table<T>(rows: T[], columns: Column<T>[]): string {
  const cells = rows.map((row) => columns.map((c) => String(c.value(row))));
  const widths = columns.map((c, i) =>
    Math.max(c.title.length, ...cells.map((r) => r[i]!.length)),
  );
  const pad = (text: string, i: number) =>
    columns[i]!.align === "right"
      ? text.padStart(widths[i]!)
      : text.padEnd(widths[i]!);
  const lines = [
    columns.map((c) => c.title),
    widths.map((w) => "-".repeat(w)),
    ...cells,
  ];
  return lines.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
}
function wrap(text: string, width: number): string[] {
  const lines: string[] = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1]!;
    if (last && (last + " " + word).length > width) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}
console.log(
  table(
    [
      { n: "Tea", p: 2.5 },
      { n: "Coffee", p: 13 },
    ],
    [
      { title: "name", value: (r) => r.n },
      { title: "price", value: (r) => r.p.toFixed(2), align: "right" },
    ],
  ),
);
console.log(wrap("the quick brown fox jumps over the lazy dog", 12));
