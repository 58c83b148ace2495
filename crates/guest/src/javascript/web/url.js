// `URL` and `URLSearchParams`: the interfaces, over Rust's parser.
(function (internals, natives) {
  "use strict";

  const { setOwn, toWellFormed, inspect } = internals;
  const CUSTOM = Symbol.for("nodejs.util.inspect.custom");
  const text = (value) => toWellFormed(`${value}`);

  const failure = (kind, code, message, facts) => {
    const error = new kind(message);
    setOwn(error, "code", code, true);
    for (const name of Object.keys(facts ?? {})) {
      if (facts[name] !== undefined) setOwn(error, name, facts[name], true);
    }
    return error;
  };

  const missing = (count, names) => {
    const list = names.map((name) => `"${name}"`).join(" and ");
    if (count >= names.length) return;
    const plural = names.length > 1 ? "arguments" : "argument";
    throw failure(TypeError, "ERR_MISSING_ARGS", `The ${list} ${plural} must be specified`);
  };

  // Set by a URL: what to do when its parameters change.
  let follow;
  let refill;

  class URLSearchParams {
    // Names and values in turn.
    #pairs = [];
    #changed;

    static {
      follow = (params, changed) => (params.#changed = changed);
      refill = (params, query) => (params.#pairs = natives.pairs(query));
    }

    constructor(init = "") {
      // Like Node; the standard would have it be "null".
      if (init === null) return;
      if (typeof init !== "object" && typeof init !== "function") {
        const query = text(init);
        this.#pairs = natives.pairs(query.startsWith("?") ? query.slice(1) : query);
        return;
      }
      const iterate = init[Symbol.iterator];
      if (iterate === undefined || iterate === null) {
        const named = new Map();
        for (const name of Reflect.ownKeys(init)) {
          if (!Object.prototype.propertyIsEnumerable.call(init, name)) continue;
          named.set(text(name), text(init[name]));
        }
        for (const [name, value] of named) this.#pairs.push(name, value);
        return;
      }
      if (typeof iterate !== "function") {
        throw failure(TypeError, "ERR_ARG_NOT_ITERABLE", "Query pairs must be iterable");
      }
      for (const pair of init) {
        const isIterable = pair !== null && typeof pair === "object" && typeof pair[Symbol.iterator] === "function";
        const items = isIterable ? [...pair] : [];
        if (items.length !== 2) {
          const message = "Each query pair must be an iterable [name, value] tuple";
          throw failure(TypeError, "ERR_INVALID_TUPLE", message);
        }
        this.#pairs.push(text(items[0]), text(items[1]));
      }
    }

    get size() {
      return this.#pairs.length / 2;
    }

    append(name, value) {
      missing(arguments.length, ["name", "value"]);
      this.#pairs.push(text(name), text(value));
      this.#changed?.(this.toString());
    }

    delete(name, value) {
      missing(arguments.length, ["name"]);
      name = text(name);
      if (value !== undefined) value = text(value);
      const kept = [];
      this.#each((key, item) => {
        if (key !== name || (value !== undefined && item !== value)) kept.push(key, item);
      });
      this.#pairs = kept;
      this.#changed?.(this.toString());
    }

    get(name) {
      missing(arguments.length, ["name"]);
      name = text(name);
      for (let i = 0; i < this.#pairs.length; i += 2) {
        if (this.#pairs[i] === name) return this.#pairs[i + 1];
      }
      return null;
    }

    getAll(name) {
      missing(arguments.length, ["name"]);
      name = text(name);
      const values = [];
      this.#each((key, value) => key === name && values.push(value));
      return values;
    }

    has(name, value) {
      missing(arguments.length, ["name"]);
      name = text(name);
      if (value !== undefined) value = text(value);
      let found = false;
      this.#each((key, item) => {
        found ||= key === name && (value === undefined || item === value);
      });
      return found;
    }

    set(name, value) {
      missing(arguments.length, ["name", "value"]);
      name = text(name);
      value = text(value);
      const kept = [];
      let done = false;
      this.#each((key, item) => {
        if (key !== name) kept.push(key, item);
        else if (!done) {
          kept.push(key, value);
          done = true;
        }
      });
      if (!done) kept.push(name, value);
      this.#pairs = kept;
      this.#changed?.(this.toString());
    }

    sort() {
      const pairs = [];
      this.#each((key, value) => pairs.push([key, value]));
      pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#pairs = pairs.flat();
      this.#changed?.(this.toString());
    }

    forEach(callback, self) {
      if (typeof callback !== "function") {
        const message = `The "callback" argument must be of type function. Received ${inspect(callback)}`;
        throw failure(TypeError, "ERR_INVALID_ARG_TYPE", message);
      }
      for (let i = 0; i < this.#pairs.length; i += 2) {
        callback.call(self, this.#pairs[i + 1], this.#pairs[i], this);
      }
    }

    entries() {
      return this.#walk((key, value) => [key, value]);
    }

    keys() {
      return this.#walk((key) => key);
    }

    values() {
      return this.#walk((_, value) => value);
    }

    toString() {
      return natives.query(this.#pairs);
    }

    #each(callback) {
      for (let i = 0; i < this.#pairs.length; i += 2) callback(this.#pairs[i], this.#pairs[i + 1]);
    }

    // Sees what is appended while it goes.
    *#walk(show) {
      for (let i = 0; i < this.#pairs.length; i += 2) yield show(this.#pairs[i], this.#pairs[i + 1]);
    }

    [CUSTOM]() {
      const parts = [];
      this.#each((key, value) => parts.push(`${inspect(key)} => ${inspect(value)}`));
      return parts.length === 0 ? "URLSearchParams {}" : `URLSearchParams { ${parts.join(", ")} }`;
    }
  }

  // In the order of what Rust answers.
  const PARTS = [
    "href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname",
    "search", "hash",
  ];

  const parsed = (input, base) => {
    const parts = base === undefined ? natives.parse(input) : natives.parse(input, base);
    if (parts) return parts;
    throw failure(TypeError, "ERR_INVALID_URL", "Invalid URL", { input, base });
  };

  let partOf;
  let setPart;

  class URL {
    #parts;
    #params;

    static {
      partOf = (url, index) => url.#parts[index];
      setPart = (url, name, value) => {
        url.#parts = natives.set(url.#parts[0], name, value) ?? url.#parts;
        if (name === "search") url.#refill();
      };
    }

    constructor(input, base = undefined) {
      missing(arguments.length, ["url"]);
      this.#parts = parsed(text(input), base === undefined ? undefined : text(base));
    }

    static canParse(input, base = undefined) {
      missing(arguments.length, ["url"]);
      return URL.parse(input, base) !== null;
    }

    static parse(input, base = undefined) {
      try {
        return new URL(input, base);
      } catch {
        return null;
      }
    }

    get href() {
      return this.#parts[0];
    }

    set href(value) {
      this.#parts = parsed(text(value));
      this.#refill();
    }

    get searchParams() {
      if (this.#params === undefined) {
        this.#params = new URLSearchParams();
        this.#refill();
        follow(this.#params, (query) => {
          this.#parts = natives.set(this.#parts[0], "search", query) ?? this.#parts;
        });
      }
      return this.#params;
    }

    toString() {
      return this.#parts[0];
    }

    toJSON() {
      return this.#parts[0];
    }

    #refill() {
      if (this.#params !== undefined) refill(this.#params, this.#parts[9].slice(1));
    }

    [CUSTOM]() {
      const lines = PARTS.map((name, index) => `  ${name}: ${inspect(this.#parts[index])}`);
      lines.splice(10, 0, `  searchParams: ${inspect(this.searchParams)}`);
      return `URL {\n${lines.join(",\n")}\n}`;
    }
  }

  for (let i = 1; i < PARTS.length; i++) {
    const name = PARTS[i];
    const property = Object.getOwnPropertyDescriptor(
      {
        get [name]() {
          return partOf(this, i);
        },
        set [name](value) {
          setPart(this, name, text(value));
        },
      },
      name,
    );
    if (name === "origin") property.set = undefined;
    Object.defineProperty(URL.prototype, name, property);
  }
  for (const name of ["href", "searchParams", "toString", "toJSON"]) {
    Object.defineProperty(URL.prototype, name, { enumerable: true });
  }

  setOwn(URLSearchParams.prototype, Symbol.iterator, URLSearchParams.prototype.entries, false);
  for (const kind of [URL, URLSearchParams]) {
    Object.defineProperty(kind.prototype, Symbol.toStringTag, { value: kind.name, configurable: true });
    Object.defineProperty(kind.prototype, CUSTOM, { enumerable: false });
  }
  return { __proto__: null, URL, URLSearchParams };
});
