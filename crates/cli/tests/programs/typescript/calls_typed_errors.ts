type Outcome<T> =
  { ok: true; value: T } | { ok: false; code: string; message: string };
async function attempt<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error: unknown) {
    if (error instanceof ToolError)
      return { ok: false, code: error.code, message: error.message };
    throw error;
  }
}
console.log(await attempt(() => tools.fake.echo({ text: "fine" })));
const outcome = await attempt<string>(() =>
  tools.fake.fail({ message: "quota" }),
);
console.log(outcome.ok ? outcome.value : `${outcome.code}: ${outcome.message}`);
