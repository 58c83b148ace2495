await tools.fake
  .list_records({ page: 3, size: 4 })
  .then(({ records }) => records.map((r) => r.id))
  .then((ids) =>
    Promise.all(ids.map((id) => tools.fake.add({ a: id, b: 0.5 }))),
  )
  .then((answers) => console.log(answers.map((a) => a.sum)))
  .catch((error) => console.log("failed", error))
  .finally(() => console.log("done"));
