const order = [];
setTimeout(() => order.push("timeout"), 0);
Promise.resolve()
  .then(() => order.push("then"))
  .then(() => order.push("then 2"));
queueMicrotask(() => order.push("microtask"));
(async () => {
  order.push("async start");
  await null;
  order.push("async end");
})();
order.push("sync");
await new Promise((resolve) => setTimeout(resolve, 5));
console.log(order.join(" > "));
