interface Logger {
  log(line: string): void;
  lines: string[];
}
class MemoryLogger implements Logger {
  lines: string[] = [];
  log(line: string) {
    this.lines.push(line);
  }
}
type Factory<T> = (container: Container) => T;
class Token<T> {
  declare readonly type: T;
  constructor(readonly name: string) {}
}
class Container {
  #factories = new Map<Token<unknown>, Factory<unknown>>();
  #made = new Map<Token<unknown>, unknown>();
  bind<T>(token: Token<T>, factory: Factory<T>): this {
    this.#factories.set(token, factory);
    return this;
  }
  get<T>(token: Token<T>): T {
    if (!this.#made.has(token)) {
      const factory = this.#factories.get(token);
      if (!factory) throw new Error(`nothing bound to ${token.name}`);
      this.#made.set(token, factory(this));
    }
    return this.#made.get(token) as T;
  }
}
const LOGGER = new Token<Logger>("logger"),
  SERVICE = new Token<Service>("service");
class Service {
  constructor(private logger: Logger) {}
  run(n: number): number {
    this.logger.log(`run ${n}`);
    return n * 2;
  }
}
const container = new Container()
  .bind(LOGGER, () => new MemoryLogger())
  .bind(SERVICE, (c) => new Service(c.get(LOGGER)));
console.log(container.get(SERVICE).run(4), container.get(LOGGER).lines);
try {
  container.get(new Token("other"));
} catch (e) {
  console.log((e as Error).message);
}
