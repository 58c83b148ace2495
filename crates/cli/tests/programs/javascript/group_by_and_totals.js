const orders = [
  { id: 1, customer: "ann", total: 40.5, items: ["pen", "ink"] },
  { id: 2, customer: "bob", total: 12, items: [] },
  { id: 3, customer: "ann", total: 9.25, items: ["cup"] },
];
const byCustomer = orders.reduce((groups, order) => {
  (groups[order.customer] ??= []).push(order);
  return groups;
}, {});
for (const [customer, list] of Object.entries(byCustomer)) {
  const sum = list.reduce((total, order) => total + order.total, 0);
  console.log(
    `${customer.padEnd(6)} ${String(list.length).padStart(2)} ${sum.toFixed(2).padStart(8)}`,
  );
}
console.log(JSON.stringify(byCustomer, null, 2));
console.log(orders.flatMap((order) => order.items));
