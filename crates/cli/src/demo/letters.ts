// Who at Halden Marine waits for an answer from us? Mail it to the team.
interface Note { open: boolean }

const company = "Halden Marine";
const { contacts } = await tools.demo.find_contacts({ company });
const [pipeline, ...lists] = await Promise.all([
  tools.demo.slow_report({ seconds: 1 }),
  ...contacts.map(c => tools.demo.list_notes({ contact_id: c.id })),
]);
const waiting = contacts
  .map((c, i) => ({
    name: c.name,
    open: lists[i].notes.filter((n: Note) => n.open).length,
  }))
  .filter(c => c.open > 0);

let exported = "done";
try {
  await tools.demo.flaky_export();
} catch (error) {
  exported = error.message;
}
const mail = await tools.demo.send_email({
  to: "team@office.example",
  subject: `${waiting.length} of ${contacts.length} wait for an answer`,
  body: waiting.map(c => `${c.name}: ${c.open} open`).join("\n"),
});
return { contacts: contacts.length, waiting, pipeline, exported, mail };
