const log = `
2024-05-01T10:00:00Z INFO auth user=alice ms=12
2024-05-01T10:00:05Z ERROR api path=/orders ms=1532
2024-05-01T10:01:00Z INFO auth user=bob ms=9
2024-05-01T10:02:11Z ERROR api path=/items ms=801
broken line`;
const pattern = /^(?<time>\S+) (?<level>[A-Z]+) (?<module>\w+) (?<rest>.*)$/gm;
const stats = new Map();
for (const { groups } of log.matchAll(pattern)) {
  const ms = Number(groups.rest.match(/ms=(\d+)/)[1]);
  const entry = stats.get(groups.level) ?? { count: 0, ms: 0, slowest: null };
  entry.count++;
  entry.ms += ms;
  if (!entry.slowest || ms > entry.slowest.ms)
    entry.slowest = { at: groups.time, ms };
  stats.set(groups.level, entry);
}
for (const [level, { count, ms, slowest }] of stats) {
  console.log(level, count, (ms / count).toFixed(1), slowest.at);
}
console.log(
  log
    .trim()
    .split("\n")
    .filter((line) => !/ (INFO|ERROR) /.test(line)),
);
