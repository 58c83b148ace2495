type Constructor<T = object> = new (...args: any[]) => T;
function Timestamped<B extends Constructor>(Base: B) {
  return class extends Base {
    created = new Date(0);
    age(now: Date): number {
      return +now - +this.created;
    }
  };
}
function Tagged<B extends Constructor>(Base: B) {
  return class extends Base {
    tags = new Set<string>();
    tag(...t: string[]): this {
      t.forEach((x) => this.tags.add(x));
      return this;
    }
  };
}
class Doc {
  constructor(public title: string) {}
}
class Note extends Tagged(Timestamped(Doc)) {
  override toString(): string {
    return `${this.title} [${[...this.tags]}] ${this.age(new Date(1000))}`;
  }
}
console.log(
  String(new Note("todo").tag("a", "b", "a")),
  new Note("x") instanceof Doc,
);
