interface Item {
  id: number;
  name: string;
  price?: number;
}
type Keyed<T> = Record<string, T>;
function indexBy<T, K extends keyof T>(items: readonly T[], key: K): Keyed<T> {
  const out: Keyed<T> = {};
  for (const item of items) out[String(item[key])] = item;
  return out;
}
const items: Item[] = [
  { id: 1, name: "pen", price: 2.5 },
  { id: 2, name: "cup" },
];
const byName = indexBy(items, "name");
console.log(Object.keys(byName), byName["cup"]!.id, byName.pen?.price ?? 0);
const total = items.reduce<number>((sum, { price = 1 }) => sum + price, 0);
console.log(total.toFixed(2), (items as Item[])[0].name as string);
