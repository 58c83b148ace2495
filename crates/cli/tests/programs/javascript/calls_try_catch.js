async function attempt(text) {
  try {
    if (text.includes("bad")) await tools.fake.fail({ message: text });
    return await tools.fake.echo({ text });
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return `${error.name}/${error.code}/${error.tool}: ${error.message}`;
  } finally {
    console.log("tried", text);
  }
}
for (const text of ["good", "bad one", "fine"])
  console.log(await attempt(text));
