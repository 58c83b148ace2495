const changes = [];
const observe = (target, path = []) =>
  new Proxy(target, {
    get(object, key, receiver) {
      const value = Reflect.get(object, key, receiver);
      return value && typeof value === "object"
        ? observe(value, [...path, key])
        : value;
    },
    set(object, key, value) {
      changes.push(
        `${[...path, key].join(".")}: ${JSON.stringify(object[key])} -> ${JSON.stringify(value)}`,
      );
      return Reflect.set(object, key, value);
    },
    deleteProperty(object, key) {
      changes.push(`delete ${[...path, String(key)].join(".")}`);
      return Reflect.deleteProperty(object, key);
    },
    has: (object, key) => key !== "secret" && key in object,
  });
const state = observe({ user: { name: "ann" }, list: [1], secret: 1 });
state.user.name = "bob";
state.list.push(2);
delete state.user.name;
console.log(changes.join("\n"));
console.log("secret" in state, "list" in state);
const defaults = new Proxy({}, { get: (t, k) => (k in t ? t[k] : 0) });
defaults.x++;
defaults.x += 5;
console.log(defaults.x, defaults.unknown);
