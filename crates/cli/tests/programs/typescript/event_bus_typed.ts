interface Events {
  login: { user: string };
  logout: undefined;
  count: number;
}
type Handler<T> = (payload: T) => void;
class Bus<E extends object> {
  private handlers: { [K in keyof E]?: Handler<E[K]>[] } = {};
  on<K extends keyof E>(event: K, handler: Handler<E[K]>): () => void {
    (this.handlers[event] ??= []).push(handler);
    return () => {
      this.handlers[event] = this.handlers[event]!.filter((h) => h !== handler);
    };
  }
  emit<K extends keyof E>(event: K, payload: E[K]): number {
    const list = this.handlers[event] ?? [];
    list.forEach((h) => h(payload));
    return list.length;
  }
}
const bus = new Bus<Events>();
const log: string[] = [];
const off = bus.on("login", ({ user }) => log.push(`in ${user}`));
bus.on("count", (n) => log.push(`count ${n.toFixed(1)}`));
bus.emit("login", { user: "ann" });
off();
console.log(
  bus.emit("login", { user: "bob" }),
  bus.emit("count", 2),
  bus.emit("logout", undefined),
  log,
);
