// Whose log files of more than 10 MB take up the most room?
const room: Record<string, { files: number; bytes: number }> = {};
let page: number | null = 0;
while (page !== null) {
  const answer = await tools.demo.list_files({ page });
  for (const file of answer.files) {
    if (file.kind !== "log" || file.size_bytes <= 10_000_000) continue;
    const sum = (room[file.owner] ??= { files: 0, bytes: 0 });
    sum.files += 1;
    sum.bytes += file.size_bytes;
  }
  page = answer.next_page;
}

return Object.entries(room)
  .map(([owner, sum]) => ({ owner, ...sum }))
  .sort((a, b) => b.bytes - a.bytes)
  .slice(0, 5);
