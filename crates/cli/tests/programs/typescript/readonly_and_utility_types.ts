interface Task {
  id: number;
  title: string;
  done: boolean;
  due?: Date;
}
type Draft = Omit<Task, "id" | "done"> & Partial<Pick<Task, "done">>;
type Summary = Pick<Task, "id" | "title">;
let next = 1;
const create = (draft: Draft): Readonly<Task> =>
  Object.freeze({ done: false, ...draft, id: next++ });
const tasks: ReadonlyArray<Readonly<Task>> = [
  create({ title: "write" }),
  create({ title: "test", done: true, due: new Date(0) }),
];
const summaries: Summary[] = tasks.map(({ id, title }) => ({ id, title }));
console.log(
  summaries,
  tasks.filter((t) => !t.done).length,
  tasks[1].due?.toISOString(),
);
try {
  (tasks[0] as Task).done = true;
  console.log("changed", tasks[0].done);
} catch (e) {
  console.log((e as Error).name, tasks[0].done);
}
