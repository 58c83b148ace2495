class Emitter {
  #listeners = new Map();
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
    return () => this.off(event, listener);
  }
  off(event, listener) {
    this.#listeners.get(event)?.delete(listener);
  }
  once(event, listener) {
    const off = this.on(event, (...args) => {
      off();
      listener(...args);
    });
  }
  emit(event, ...args) {
    const listeners = this.#listeners.get(event) ?? [];
    for (const listener of [...listeners]) listener.apply(this, args);
    return listeners.size > 0;
  }
}
const emitter = new Emitter();
const seen = [];
const off = emitter.on("data", (x) => seen.push(x));
emitter.once("data", (x) => seen.push(`once ${x}`));
emitter.emit("data", 1);
emitter.emit("data", 2);
off();
console.log(emitter.emit("data", 3), seen);
