// Looks for anything that leads out of a program; its value says what each attempt met.
const met = {};
function attempt(name, act) {
  try {
    const found = act();
    met[name] = found === undefined ? "absent" : "nothing";
  } catch (error) {
    met[name] = error.name;
  }
}
for (const name of [
  "process", "Deno", "Bun", "module", "std", "os", "bjson", "Worker", "SharedWorker", "fetch",
  "XMLHttpRequest", "WebSocket", "WebAssembly", "importScripts", "loadFile", "read", "print", "scriptArgs", "__filename",
]) {
  attempt(`global ${name}`, () => globalThis[name]);
}
for (const name of ["fs", "node:fs", "os", "std", "qjs:os", "qjs:std", "child_process", "./x.js", "/etc/passwd"]) {
  attempt(`require ${name}`, () => require(name));
  met[`import ${name}`] = await import(name).then(() => "nothing", error => error.name);
}
attempt("a global by another realm", () => Function("return this")().process);
attempt("a global by eval", () => (0, eval)("typeof process === 'undefined' ? undefined : process"));
attempt("a global by a generator's constructor", () => {
  const make = Object.getPrototypeOf(function* () {}).constructor;
  return make("return globalThis.os")().next().value;
});
attempt("a global by an error's stack", () => Error.prepareStackTrace?.(new Error(), [])?.[0]?.getThis?.());
met
