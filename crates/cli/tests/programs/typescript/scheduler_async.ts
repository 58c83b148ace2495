interface Job {
  name: string;
  after: number;
  needs?: string[];
}
const sleep = (ms: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, ms));
async function runAll(jobs: readonly Job[]): Promise<string[]> {
  const done: string[] = [];
  const started = new Map<string, Promise<void>>();
  const byName = new Map(jobs.map((j) => [j.name, j]));
  const start = (name: string): Promise<void> => {
    let promise = started.get(name);
    if (!promise) {
      const job = byName.get(name);
      if (!job) throw new Error(`no job ${name}`);
      promise = (async () => {
        await Promise.all((job.needs ?? []).map(start));
        await sleep(job.after);
        done.push(name);
      })();
      started.set(name, promise);
    }
    return promise;
  };
  await Promise.all(jobs.map((j) => start(j.name)));
  return done;
}
console.log(
  await runAll([
    { name: "deploy", after: 0, needs: ["build", "test"] },
    { name: "test", after: 1, needs: ["build"] },
    { name: "build", after: 2 },
  ]),
);
