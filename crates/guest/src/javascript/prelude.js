// What programs find in the global scope, and the few functions of the runtime that are easier to
// say in JavaScript than in Rust.
//
// A program may replace any built-in before its next line: what is needed after it has begun is
// taken here, by value. Hence also no spread, no destructuring of arrays and no `for … of` below,
// which would look up `Symbol.iterator` on a prototype that is no longer ours.
(function (promiseState, loadShim) {
  "use strict";

  const {
    apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, setPrototypeOf,
  } = Reflect;
  const { isArray } = Array;
  const { isError, captureStackTrace } = Error;
  const { stringify } = JSON;
  const BuiltinString = String;
  const BuiltinDate = Date;
  const BuiltinRegExp = RegExp;
  const BuiltinMap = Map;
  const BuiltinSet = Set;
  const BuiltinError = Error;
  const BuiltinTypeError = TypeError;
  const BuiltinProxy = Proxy;
  const BuiltinPromise = Promise;
  const promiseAll = Promise.all;
  const BuiltinMath = Math;
  const { trunc } = Math;
  const ObjectPrototype = Object.prototype;

  const method = (function_) => (self, ...args) => apply(function_, self, args);
  const getter = (prototype, name) => method(getOwnPropertyDescriptor(prototype, name).get);

  const join = method(Array.prototype.join);
  const slice = method(String.prototype.slice);
  const split = method(String.prototype.split);
  const includes = method(String.prototype.includes);
  const toWellFormed = method(String.prototype.toWellFormed);
  const propertyIsEnumerable = method(Object.prototype.propertyIsEnumerable);
  const getTime = method(Date.prototype.getTime);
  const toISOString = method(Date.prototype.toISOString);
  const mapSize = getter(Map.prototype, "size");
  const mapForEach = method(Map.prototype.forEach);
  const mapGet = method(Map.prototype.get);
  const mapSet = method(Map.prototype.set);
  const mapHas = method(Map.prototype.has);
  const setSize = getter(Set.prototype, "size");
  const setForEach = method(Set.prototype.forEach);
  const setAdd = method(Set.prototype.add);
  const regExpSource = getter(RegExp.prototype, "source");
  const regExpFlags = getter(RegExp.prototype, "flags");
  const functionToString = method(Function.prototype.toString);
  const symbolToString = method(Symbol.prototype.toString);
  const typedArrayLength = getter(getPrototypeOf(Uint8Array.prototype), "length");
  const unboxNumber = method(Number.prototype.valueOf);
  const unboxString = method(String.prototype.valueOf);
  const unboxBoolean = method(Boolean.prototype.valueOf);
  const unboxBigInt = method(BigInt.prototype.valueOf);
  const { asyncIterator, iterator, toPrimitive, toStringTag } = Symbol;

  // The answer of a method that throws on every object but its own kind, else undefined.
  const ask = (question, object) => {
    try {
      return question(object);
    } catch {
      return undefined;
    }
  };

  const append = (array, value) =>
    defineProperty(array, array.length, {
      __proto__: null,
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });

  const setOwn = (object, name, value, enumerable) =>
    defineProperty(object, name, {
      __proto__: null,
      value,
      writable: true,
      enumerable,
      configurable: true,
    });

  class ToolError extends BuiltinError {}
  setOwn(ToolError.prototype, "name", "ToolError", false);

  // Errors made here, each with the path of its call: a `code` that a program puts on an error of
  // its own means nothing to us.
  const made = new WeakMap();
  const madeGet = method(WeakMap.prototype.get);
  const madeSet = method(WeakMap.prototype.set);

  // `facts` become own properties, the stack is the one of the call.
  const makeError = (kind, message, facts, path, stack) => {
    const error = new kind(message);
    const names = ownKeys(facts);
    for (let i = 0; i < names.length; i++) {
      if (facts[names[i]] !== undefined) setOwn(error, names[i], facts[names[i]], true);
    }
    if (stack !== undefined) setOwn(error, "stack", stack, false);
    madeSet(made, error, path);
    return error;
  };

  // The handles, each with how it is written among arguments, without the mark.
  const handles = new WeakMap();

  // The promises of calls, each with the call's path.
  const calls = new WeakMap();

  // What a promise has beside `then` and its like: nothing. To ask for more, or for its text, is to
  // have forgotten `await`; to look whether it is an object of some kind is not.
  const guard = new BuiltinProxy({}, {
    __proto__: null,
    get(_, key, promise) {
      if (promiseState(promise) === undefined) return ObjectPrototype[key];
      let use;
      switch (key) {
        case "hasOwnProperty":
        case "isPrototypeOf":
        case "propertyIsEnumerable":
        case "__proto__":
          return ObjectPrototype[key];
        case toPrimitive:
        case "toString":
        case "toLocaleString":
        case "valueOf":
        case "toJSON":
          use = "used as a value";
          break;
        case iterator:
        case asyncIterator:
          use = "used as a list";
          break;
        default:
          if (typeof key === "symbol") return undefined;
          use = "asked for " + quote(key);
      }
      const path = madeGet(calls, promise);
      const what = path === undefined ? "a promise" : "the promise of " + name(path) + "(…)";
      const facts = { __proto__: null, code: "not_awaited" };
      throw makeError(BuiltinTypeError, what + " was " + use + " before it was awaited", facts, path ?? "");
    },
  });
  setPrototypeOf(Promise.prototype, guard);

  // What forgotten awaits become: waits for what an array holds, arrays in it included.
  const all = (list) => {
    if (!isArray(list)) return list;
    const waiting = [];
    for (let i = 0; i < list.length; i++) append(waiting, all(list[i]));
    return apply(promiseAll, BuiltinPromise, [waiting]);
  };

  // `forEach` that waits for each call before the next.
  const each = async (list, callback, self) => {
    const turns = [];
    list.forEach((...args) => {
      append(turns, args);
    });
    for (let i = 0; i < turns.length; i++) await apply(callback, self, turns[i]);
  };

  // `filter` and its like with a function whose answers are waited for: at once where all are needed,
  // else one after the other until it is known.
  const asked = async (list, method, callback, self) => {
    const turns = [];
    list.forEach((...args) => {
      append(turns, args);
    });
    const answers = { __proto__: null };
    if (method === "filter") {
      const open = [];
      for (let i = 0; i < turns.length; i++) append(open, apply(callback, self, turns[i]));
      const all = await apply(promiseAll, BuiltinPromise, [open]);
      for (let i = 0; i < turns.length; i++) answers[turns[i][1]] = all[i];
    } else {
      const fromLast = method === "findLast" || method === "findLastIndex";
      for (let i = 0; i < turns.length; i++) {
        const turn = turns[fromLast ? turns.length - 1 - i : i];
        const answer = await apply(callback, self, turn);
        answers[turn[1]] = answer;
        if (!answer === (method === "every")) break;
      }
    }
    return list[method]((_, index) => answers[index]);
  };

  // Answers with a tool's path.
  const PATH = Symbol("path");

  // Set once the program is known.
  let call;

  // `form` is "value", "raw" or "keep".
  const invoke = (path, form, args) => {
    const site = { __proto__: null };
    captureStackTrace(site, invoke);
    const promise = call(path, form, args, site.stack);
    madeSet(calls, promise, path);
    return promise;
  };

  // Nothing is known here of which tools there are: every path is one until the host says no. Each
  // is made once, as a loop asks for the same ones at every call.
  const toolAt = (path, depth) => {
    const below = { __proto__: null };
    return new BuiltinProxy(() => {}, {
      __proto__: null,
      get(_, key) {
        if (typeof key === "symbol") {
          if (key === PATH) return path;
          if (key === toPrimitive) return () => name(path);
          if (key === toStringTag) return "Tool";
          return undefined;
        }
        // A thenable would be called by every await, `toJSON` by every stringify.
        if (key === "then" || key === "toJSON" || key === "constructor") return undefined;
        if ((key === "raw" || key === "keep") && depth >= 2) return (...args) => invoke(path, key, args);
        return (below[key] ??= toolAt(path === "" ? key : path + "." + key, depth + 1));
      },
      apply(_, self, args) {
        if (path === "") throw new BuiltinTypeError("tools is not a function: call tools.server.tool(…)");
        return invoke(path, "value", args);
      },
      construct() {
        throw new BuiltinTypeError(name(path) + " is a tool: call it without new");
      },
      set() {
        throw new BuiltinTypeError("tools cannot be changed");
      },
      defineProperty() {
        throw new BuiltinTypeError("tools cannot be changed");
      },
      deleteProperty() {
        throw new BuiltinTypeError("tools cannot be changed");
      },
    });
  };

  const name = (path) => (path === "" ? "tools" : "tools." + path);

  const tools = toolAt("", 0);

  const call_tool = (path, ...args) => {
    if (typeof path !== "string") {
      throw new BuiltinTypeError('call_tool needs a path first: call_tool("server.tool", {…})');
    }
    return invoke(path, "value", args);
  };

  // Says how far the program is, to whoever waits for it: progress("page 41", 0.4). It never fails.
  const progress = (message = "", done) => {
    if (typeof message === "number" && done === undefined) {
      done = message;
      message = "";
    }
    const text = typeof message === "string" ? message : inspect(message);
    native.report(slice(text, 0, 500), typeof done === "number" && done >= 0 && done < 1e9 ? done : -1);
  };

  const search_tools = (...args) => invoke("search_tools", "value", args);

  // What an import of "tools" has: the servers, and these by name.
  const sdk = new BuiltinProxy(() => {}, {
    __proto__: null,
    get(_, key) {
      switch (key) {
        case "default":
        case "tools":
          return tools;
        case "call_tool":
        case "callTool":
          return call_tool;
        case "search_tools":
          return search_tools;
        case "ToolError":
          return ToolError;
        default:
          return tools[key];
      }
    },
  });

  const require = (module) => {
    if (module === "tools" || module === "toolmill") return sdk;
    const facts = { __proto__: null, code: "import", module: BuiltinString(module) };
    throw makeError(BuiltinError, "there is no module " + stringify(facts.module), facts, "");
  };

  const dynamicImport = async (module) => require(module);

  const describeFunction = (value) => {
    const path = value[PATH];
    if (typeof path !== "string") return "is a function";
    if (path === "") return "is tools itself, not what a tool returned";
    return "is the tool " + name(path) + ", which was not called";
  };

  // What JSON is to have for an object that is neither an array nor plain; the object itself if
  // its members say it all.
  const plain = (value, isArgument) => {
    const handle = isArgument ? madeGet(handles, value) : undefined;
    if (handle !== undefined) return native.mark + handle;
    const time = ask(getTime, value);
    if (time !== undefined) return time === time ? toISOString(value) : null;
    const toJSON = value.toJSON;
    if (typeof toJSON === "function" && toJSON !== ObjectPrototype.toJSON) {
      return apply(toJSON, value, [""]);
    }
    if (ask(mapSize, value) !== undefined) return plainMap(value);
    if (ask(setSize, value) !== undefined) {
      const items = [];
      setForEach(value, (item) => append(items, item));
      return items;
    }
    if (isError(value)) {
      const members = { __proto__: null, name: value.name, message: value.message };
      copyMembers(value, members);
      return members;
    }
    // An array here is a proxy of one.
    const length = isArray(value) ? value.length : ask(typedArrayLength, value);
    if (length !== undefined) {
      const items = [];
      for (let i = 0; i < length; i++) append(items, value[i]);
      return items;
    }
    if (ask(regExpSource, value) !== undefined && value !== BuiltinRegExp.prototype) {
      return BuiltinString(value);
    }
    const unboxed = unbox(value);
    return unboxed === undefined ? value : unboxed;
  };

  const plainMap = (map) => {
    const members = { __proto__: null };
    const pairs = [];
    let named = true;
    mapForEach(map, (value, key) => {
      named &&= typeof key === "string" || typeof key === "number" || typeof key === "bigint";
      if (named) members[key] = value;
      append(pairs, [key, value]);
    });
    return named ? members : pairs;
  };

  const unbox = (value) => {
    let primitive = ask(unboxNumber, value);
    if (primitive === undefined) primitive = ask(unboxString, value);
    if (primitive === undefined) primitive = ask(unboxBoolean, value);
    if (primitive === undefined) primitive = ask(unboxBigInt, value);
    return primitive;
  };

  const copyMembers = (from, to) => {
    const keys = ownKeys(from);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (typeof key === "string" && propertyIsEnumerable(from, key)) setOwn(to, key, from[key], true);
    }
  };

  const WIDTH = 76;
  const MAX_DEPTH = 5;
  let maxDepth = MAX_DEPTH;
  // As in Node: what an object has to say of itself.
  const CUSTOM = Symbol.for("nodejs.util.inspect.custom");
  const MAX_ITEMS = 100;

  const quote = (text) => {
    const quoted = stringify(text);
    const plain = !includes(quoted, "\\") && !includes(text, "'");
    return plain ? "'" + text + "'" : quoted;
  };

  const isIdentifier = (text) => {
    for (let i = 0; i < text.length; i++) {
      const letter = includes("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$", text[i]);
      if (!letter && (i === 0 || !includes("0123456789", text[i]))) return false;
    }
    return text !== "";
  };

  // Text for people, close to what Node prints.
  const inspect = (value) => inspectAt(value, [], "");

  // The same, no deeper than `depth`.
  const inspectTo = (depth, value) => {
    const kept = maxDepth;
    maxDepth = depth;
    try {
      return inspect(value);
    } finally {
      maxDepth = kept;
    }
  };

  const inspectAt = (value, around, indent) => {
    switch (typeof value) {
      case "string":
        return quote(value);
      case "bigint":
        return BuiltinString(value) + "n";
      case "number":
        return value === 0 && 1 / value < 0 ? "-0" : BuiltinString(value);
      case "symbol":
        return symbolToString(value);
      case "function":
        return inspectFunction(value);
      case "object":
        return value === null ? "null" : inspectObject(value, around, indent);
      default:
        return BuiltinString(value);
    }
  };

  const inspectFunction = (value) => {
    const path = value[PATH];
    if (typeof path === "string") return "[" + (path === "" ? "tools" : "tool " + path) + "]";
    const text = functionToString(value);
    const kind = slice(text, 0, 5) === "class" ? "class" : "Function:";
    const name = getOwnPropertyDescriptor(value, "name");
    const known = name !== undefined && typeof name.value === "string" && name.value !== "";
    return "[" + kind + " " + (known ? name.value : "(anonymous)") + "]";
  };

  const className = (value) => {
    const prototype = getPrototypeOf(value);
    if (prototype === null || prototype === ObjectPrototype) return "";
    const constructor = ask((value) => value.constructor, value);
    return typeof constructor === "function" && typeof constructor.name === "string"
      ? constructor.name
      : "";
  };

  const inspectObject = (value, around, indent) => {
    for (let i = 0; i < around.length; i++) {
      if (around[i] === value) return "[Circular]";
    }
    const time = ask(getTime, value);
    if (time !== undefined) return time === time ? toISOString(value) : "Invalid Date";
    const state = promiseState(value);
    if (state !== undefined) return "Promise { <" + state + "> }";
    const isRegExp = ask(regExpSource, value) !== undefined && value !== BuiltinRegExp.prototype;
    if (isRegExp) return "/" + regExpSource(value) + "/" + regExpFlags(value);
    const custom = ask((value) => value[CUSTOM], value);
    if (typeof custom === "function" && !isArray(value)) {
      const shown = ask(() => apply(custom, value, [maxDepth - around.length, {}, inspect]), value);
      if (typeof shown === "string") return join(split(shown, "\n"), "\n" + indent);
      if (shown !== undefined && shown !== value) return inspectAt(shown, around, indent);
    }
    const unboxed = unbox(value);
    if (unboxed !== undefined) return "[" + className(value) + ": " + inspect(unboxed) + "]";

    const array = isArray(value) || ask(typedArrayLength, value) !== undefined;
    const size = ask(mapSize, value);
    const members = size === undefined ? ask(setSize, value) : size;
    let head = className(value);
    if (head === "Array") head = "";
    if (isError(value)) head = inspectError(value);
    else if (members !== undefined) head += "(" + members + ")";
    else if (array && head !== "") head += "(" + value.length + ")";
    if (head !== "") head += " ";
    if (around.length > maxDepth) return "[" + (className(value) || "Object") + "]";

    const inner = indent + "  ";
    const within = [];
    for (let i = 0; i < around.length; i++) append(within, around[i]);
    append(within, value);
    const show = (item) => inspectAt(item, within, inner);
    const parts = [];
    let left = 0;
    const add = (part) => (parts.length < MAX_ITEMS ? append(parts, part()) : left++);

    if (array) {
      const shown = value.length < MAX_ITEMS ? value.length : MAX_ITEMS;
      for (let i = 0; i < shown; i++) append(parts, show(value[i]));
      left = value.length - shown;
    } else if (size !== undefined) {
      mapForEach(value, (item, key) => add(() => show(key) + " => " + show(item)));
    } else if (members !== undefined) {
      setForEach(value, (item) => add(() => show(item)));
    }
    const keys = ownKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const descriptor = getOwnPropertyDescriptor(value, key);
      if (descriptor === undefined || !descriptor.enumerable) continue;
      if (array && typeof key === "string" && isIndex(key)) continue;
      add(() => inspectKey(key) + ": " + (descriptor.get ? "[Getter]" : show(descriptor.value)));
    }
    if (left > 0) append(parts, "… " + left + " more");
    if (parts.length === 0 && isError(value)) return slice(head, 0, -1);
    return layOut(head, parts, array ? "[" : "{", array ? "]" : "}", indent);
  };

  const inspectError = (value) => {
    const name = BuiltinString(value.name);
    const message = BuiltinString(value.message);
    const text = message === "" ? name : name + ": " + message;
    const cause = getOwnPropertyDescriptor(value, "cause");
    return cause === undefined ? text : text + " (cause: " + inspect(cause.value) + ")";
  };

  const isIndex = (key) => BuiltinString(key >>> 0) === key;

  const inspectKey = (key) => {
    if (typeof key === "symbol") return "[" + symbolToString(key) + "]";
    return isIdentifier(key) ? key : quote(key);
  };

  // On one line where that is short, else with as many short parts on a line as fit.
  const layOut = (head, parts, open, close, indent) => {
    if (parts.length === 0) return head + open + close;
    let length = head.length + indent.length + 4;
    let long = false;
    for (let i = 0; i < parts.length; i++) {
      length += parts[i].length + 2;
      long ||= includes(parts[i], "\n");
    }
    if (!long && length <= WIDTH) {
      return head + open + " " + join(parts, ", ") + " " + close;
    }
    const lines = [];
    const packed = open === "[" && parts.length > 6;
    let line = "";
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] + (i + 1 < parts.length ? "," : "");
      const fits = packed && line !== "" && indent.length + line.length + part.length < WIDTH;
      if (fits) {
        line += " " + part;
      } else {
        if (line !== "") append(lines, line);
        line = part;
      }
    }
    append(lines, line);
    return head + open + "\n" + indent + "  " + join(lines, "\n" + indent + "  ") + "\n" + indent + close;
  };

  // One line of output: strings as they are, the rest inspected, `%s` and its like filled in.
  const format = (args) => {
    let text = "";
    let next = 0;
    if (typeof args[0] === "string" && includes(args[0], "%") && args.length > 1) {
      const pattern = args[0];
      next = 1;
      for (let i = 0; i < pattern.length; i++) {
        const directive = pattern[i] === "%" ? pattern[i + 1] : undefined;
        if (directive === "%") {
          text += "%";
          i++;
        } else if (directive !== undefined && includes("sdifjoOc", directive) && next < args.length) {
          text += fill(directive, args[next++]);
          i++;
        } else {
          text += pattern[i];
        }
      }
      if (next < args.length) text += " ";
    }
    for (let i = next; i < args.length; i++) {
      if (i > next) text += " ";
      text += typeof args[i] === "string" ? args[i] : inspect(args[i]);
    }
    return text;
  };

  const fill = (directive, value) => {
    switch (directive) {
      case "s":
        return typeof value === "string" ? value : inspect(value);
      case "d":
        return typeof value === "bigint" ? inspect(value) : inspect(+value);
      case "i":
        return inspect(trunc(+value));
      case "f":
        return inspect(+value);
      case "j":
        return BuiltinString(stringify(value));
      case "c":
        return "";
      default:
        return inspect(value);
    }
  };

  // How far `console.group` moves lines to the right.
  const group = { __proto__: null, indent: "" };

  // What only the host can do; there from `install` on.
  let native;

  const printLine = (stream, text) => {
    const { indent } = group;
    native.print(stream, indent === "" ? text : indent + join(split(text, "\n"), "\n" + indent));
  };

  const printer = (stream) => (...args) => printLine(stream, format(args));

  const timer = (repeats, fixedDelay) => (callback, ...args) => {
    if (typeof callback !== "function") throw new BuiltinTypeError("a timer needs a function");
    const rest = [];
    for (let i = fixedDelay === undefined ? 1 : 0; i < args.length; i++) append(rest, args[i]);
    const delay = fixedDelay === undefined ? +args[0] : fixedDelay;
    const run = () => apply(callback, undefined, rest);
    return native.startTimer(run, delay > 0 ? delay : 0, repeats, true);
  };
  const clear = (timer) => {
    if (typeof timer === "number") native.stopTimer(timer);
  };

  // What the sources below `web` are given.
  const internals = {
    __proto__: null,
    append,
    apply,
    ask,
    bufferSlice: method(ArrayBuffer.prototype.slice),
    construct,
    copyable: { __proto__: null, BuiltinDate, BuiltinError, BuiltinMap, BuiltinRegExp, BuiltinSet, Object },
    defineProperty,
    errors: { __proto__: null, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError },
    format,
    functionToString,
    getOwnPropertyDescriptor,
    getPrototypeOf,
    getTime,
    group,
    askOfStore: (path, question) => invoke(path, "value", [question]),
    askOfResult: (question) => invoke("open_result", "value", [question]),
    askToShow: (what) => invoke("show", "value", [what]),
    handleSet: method(WeakMap.prototype.set),
    handles,
    inspect,
    inspectTo,
    isArray,
    isError,
    mapForEach,
    mapGet,
    mapHas,
    mapSet,
    mapSize,
    method,
    native: () => native,
    ownKeys,
    printLine,
    promiseState,
    propertyIsEnumerable,
    regExpFlags,
    regExpSource,
    setAdd: method(Set.prototype.add),
    setForEach,
    setOwn,
    setSize,
    symbolToString,
    toWellFormed,
    typedArrayLength,
    unbox,
  };

  // A source below `web`, compiled when a program first needs something of it.
  const shim = (subject) => {
    let exports;
    return (name) => (exports ??= loadShim(subject, internals))[name];
  };

  // A global that is made when it is first read.
  const later = (name, member) =>
    defineProperty(globalThis, name, {
      __proto__: null,
      get() {
        const value = member(name);
        setOwn(globalThis, name, value, false);
        return value;
      },
      set(value) {
        setOwn(globalThis, name, value, true);
      },
      enumerable: false,
      configurable: true,
    });

  // A method that is found when it is first called.
  const laterMethod = (object, name, member, key) =>
    setOwn(object, name, { [name](...args) { return apply(member(key), this, args); } }[name], false);

  const out = printer(1);
  const err = printer(2);
  const console = { log: out, info: out, debug: out, warn: err, error: err };
  const laterMethods = (object, member, pairs) => {
    for (let i = 0; i < pairs.length; i += 2) laterMethod(object, pairs[i], member, pairs[i + 1]);
  };
  const laterGlobals = (subject, names) => {
    const member = shim(subject);
    for (let i = 0; i < names.length; i++) later(names[i], member);
    return member;
  };

  const defineGlobals = (globals) => {
    const names = ownKeys(globals);
    for (let i = 0; i < names.length; i++) setOwn(globalThis, names[i], globals[names[i]], false);
  };

  laterMethods(console, shim("console"), [
    "assert", "assert", "count", "count", "countReset", "countReset", "dir", "dir",
    "dirxml", "dirxml", "group", "group", "groupCollapsed", "group", "groupEnd", "groupEnd",
    "table", "table", "time", "time", "timeEnd", "timeEnd", "timeLog", "timeLog",
    "trace", "trace",
  ]);
  laterMethods(globalThis, shim("clone"), ["structuredClone", "structuredClone"]);
  laterGlobals("url", ["URL", "URLSearchParams"]);
  laterGlobals("text", ["TextDecoder", "TextEncoder"]);
  laterGlobals("events", ["AbortController", "AbortSignal", "CustomEvent", "Event", "EventTarget"]);
  laterGlobals("system", ["crypto", "performance"]);
  laterGlobals("intl", ["Intl"]);
  laterGlobals("state", ["load", "store"]);
  const ofResults = laterGlobals("results", ["open_result", "results", "show"]);
  laterMethods(String.prototype, shim("collate"), ["localeCompare", "localeCompare"]);
  const locale = shim("intl");
  laterMethods(Number.prototype, locale, ["toLocaleString", "numberToLocaleString"]);
  laterMethods(BigInt.prototype, locale, ["toLocaleString", "bigIntToLocaleString"]);
  laterMethods(Date.prototype, locale, [
    "toLocaleString", "dateToLocaleString", "toLocaleDateString", "dateToLocaleDateString",
    "toLocaleTimeString", "dateToLocaleTimeString",
  ]);

  defineGlobals({
    __proto__: null,
    ToolError,
    call_tool,
    callTool: call_tool,
    clearImmediate: clear,
    clearInterval: clear,
    clearTimeout: clear,
    console,
    progress,
    require,
    search_tools,
    setImmediate: timer(false, 0),
    setInterval: timer(true),
    setTimeout: timer(false),
    tools,
  });

  // The last step before the program: from here on, calls can be made.
  const install = (natives) => {
    native = natives;
    call = native.call;
    defineProperty(BuiltinMath, "random", {
      __proto__: null,
      value: native.random,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  };

  const toolError = (message, facts, path, stack) =>
    makeError(ToolError, message, facts, path, stack);
  const argumentError = (message, code, path, stack) =>
    makeError(BuiltinTypeError, message, { __proto__: null, code }, path, stack);
  const pathOf = (error) => madeGet(made, error);
  // Takes on an error of the engine's as one about a call.
  const adopt = (error, path, stack) => {
    setOwn(error, "stack", stack, false);
    madeSet(made, error, path);
  };

  return {
    __proto__: null,
    adopt,
    all,
    argumentError,
    asked,
    bigInt: BigInt,
    describeFunction,
    dynamicImport,
    each,
    held: (parts) => ofResults("held")(parts),
    inspect,
    install,
    objectPrototype: ObjectPrototype,
    pathOf,
    plain,
    require,
    toolError,
    toWellFormed,
  };
});
