interface Product {
  readonly sku: string;
  name: string;
  price: number;
  stock: number;
}
type Change = {
  sku: string;
  delta: number;
  reason: "sale" | "restock" | "return";
};
class OutOfStock extends Error {
  constructor(
    readonly sku: string,
    wanted: number,
    have: number,
  ) {
    super(`${sku}: wanted ${wanted}, have ${have}`);
  }
}
class Inventory {
  private readonly products = new Map<string, Product>();
  private readonly journal: Change[] = [];
  add(product: Product): this {
    this.products.set(product.sku, { ...product });
    return this;
  }
  apply(change: Change): Product {
    const product = this.products.get(change.sku);
    if (!product) throw new ReferenceError(change.sku);
    if (product.stock + change.delta < 0) {
      throw new OutOfStock(change.sku, -change.delta, product.stock);
    }
    product.stock += change.delta;
    this.journal.push(change);
    return product;
  }
  value(): number {
    return [...this.products.values()].reduce(
      (sum, p) => sum + p.price * p.stock,
      0,
    );
  }
  report(): Record<Change["reason"], number> {
    const out = { sale: 0, restock: 0, return: 0 };
    for (const { reason, delta } of this.journal)
      out[reason] += Math.abs(delta);
    return out;
  }
}
const inventory = new Inventory()
  .add({ sku: "pen", name: "Pen", price: 1.5, stock: 10 })
  .add({ sku: "ink", name: "Ink", price: 7.25, stock: 2 });
const changes: Change[] = [
  { sku: "pen", delta: -4, reason: "sale" },
  { sku: "ink", delta: -3, reason: "sale" },
  { sku: "ink", delta: 10, reason: "restock" },
  { sku: "cup", delta: 1, reason: "return" },
];
for (const change of changes) {
  try {
    const { name, stock } = inventory.apply(change);
    console.log(`${name}: ${stock}`);
  } catch (error) {
    if (error instanceof OutOfStock) console.log("out of stock", error.message);
    else console.log("failed", (error as Error).name);
  }
}
console.log(inventory.value().toFixed(2), inventory.report());
