for (const n of [1234567.891, 999, 0.5, -12000])
  console.log(n.toLocaleString());
