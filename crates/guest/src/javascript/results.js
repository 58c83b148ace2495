// What is kept in the session, by handle: values found by a JSON pointer and read in slices, images and
// other files as their bytes.
(function (internals) {
  "use strict";

  const { askOfResult: ask, askToShow, format, handleSet, handles, inspect, printLine } = internals;

  const toBase64 = internals.method(Uint8Array.prototype.toBase64);
  const fromBase64 = Uint8Array.fromBase64.bind(Uint8Array);

  const escaped = (name) => String(name).replaceAll("~", "~0").replaceAll("/", "~1");

  // As arrays read an index.
  const whole = (number) => Math.min(Math.trunc(Number(number)) || 0, Number.MAX_SAFE_INTEGER);

  const isFile = (type) => type === "image" || type === "audio" || type === "file";

  const joined = (pieces) => {
    const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  };

  // Something that is kept, or a part of it, of which only what is asked for is fetched. Among the
  // arguments of a tool it stands for what it holds: a value for itself, a file for its Base64.
  class Result {
    #outline;

    constructor(id, pointer, outline) {
      this.id = id;
      this.pointer = pointer;
      this.#outline = outline;
      handleSet(handles, this, "=" + id + pointer);
    }

    get type() {
      return this.#outline.type;
    }

    // Elements, members, bytes of a file, or characters of a string: code points, of which one beyond
    // U+FFFF is two of what a JavaScript string counts.
    get length() {
      return this.#outline.length;
    }

    get bytes() {
      return this.#outline.bytes;
    }

    // Of a file: `image/png`.
    get mimeType() {
      return this.#outline.mimeType;
    }

    // What the server calls it, of a file that has a name there.
    get uri() {
      return this.#outline.uri;
    }

    // What the block had before it was a handle: among arguments it stands for the Base64.
    get data() {
      return isFile(this.type) ? this : undefined;
    }

    get resource() {
      if (!isFile(this.type) || !this.uri) return undefined;
      return { uri: this.uri, mimeType: this.mimeType, blob: this };
    }

    // All of it; of a file the bytes.
    value() {
      return isFile(this.type) ? this.slice() : ask({ id: this.id, at: this.pointer, wants: "value" });
    }

    // The part that a JSON pointer (`/items/0/name`) leads to.
    at(pointer) {
      return open(this.id, this.pointer + pointer);
    }

    // The value of a member or an element, a character of a string, a byte of a file; undefined when
    // there is none.
    async get(key) {
      const isThere = Number.isInteger(Number(key)) && key >= 0 && key < this.length;
      if (this.type === "array" && !isThere) return undefined;
      if (this.type === "string" || isFile(this.type)) {
        const one = isThere ? await this.slice(key, Number(key) + 1) : undefined;
        return isFile(this.type) ? one?.[0] : one;
      }
      try {
        return await ask({ id: this.id, at: this.pointer + "/" + escaped(key), wants: "value" });
      } catch (error) {
        if (error.message.includes("there is no member")) return undefined;
        throw error;
      }
    }

    // As the method of arrays and, for files, of Uint8Array; of a string the code points, as `length`
    // counts them; of an object the members.
    async slice(start = 0, end = this.length) {
      const length = this.length;
      if (length === null) throw new TypeError(`${this} is of type ${this.type} and has no parts`);
      const from = whole(start) < 0 ? Math.max(length + whole(start), 0) : whole(start);
      const to = whole(end) < 0 ? length + whole(end) : Math.min(whole(end), length);
      const parts = [];
      for await (const part of this.#parts("slice", from, to)) parts.push(part);
      if (isFile(this.type)) return joined(parts);
      if (this.type === "string") return parts.join("");
      return this.type === "array" ? parts.flat() : Object.fromEntries(parts.flatMap(Object.entries));
    }

    // The lines of a string, without their ends; below 0 they count from the end.
    async lines(start = 0, end = undefined) {
      const parts = [];
      let from = whole(start);
      let to = end === undefined ? undefined : whole(end);
      if (from < 0 || to < 0) {
        // Where there is none, the host says how many there are.
        const { end: count } = await ask({ id: this.id, at: this.pointer, wants: "lines", from: Number.MAX_SAFE_INTEGER });
        if (from < 0) from = Math.max(count + from, 0);
        if (to < 0) to = Math.max(count + to, 0);
      }
      for await (const part of this.#parts("lines", from, to)) parts.push(part);
      return parts.flat();
    }

    // What is in the lines of a string, each of which is JSON; empty ones are passed over.
    async jsonLines(start = 0, end = undefined) {
      const lines = await this.lines(start, end);
      return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
    }

    // A file's bytes as text.
    async base64() {
      this.#mustBeFile("Base64");
      return toBase64(await this.value());
    }

    // A file as a data URL: itself when it is awaited, and among the arguments of a tool as it is.
    dataUrl() {
      this.#mustBeFile("data URL");
      return new DataUrl(this);
    }

    // The elements of an array, the pairs of an object, the lines of a string, the pieces of a file.
    async *[Symbol.asyncIterator]() {
      const wants = this.type === "string" ? "lines" : "slice";
      for await (const part of this.#parts(wants, 0, undefined)) {
        if (isFile(this.type)) yield part;
        else yield* this.type === "object" ? Object.entries(part) : part;
      }
    }

    async *#parts(wants, from, to) {
      while (to === undefined || from < to) {
        const { items, end, is_last } = await ask({ id: this.id, at: this.pointer, wants, from, to });
        yield isFile(this.type) ? fromBase64(items) : items;
        from = end;
        if (is_last) return;
      }
    }

    #mustBeFile(what) {
      if (!isFile(this.type)) throw new TypeError(`${this} is of type ${this.type} and has no ${what}`);
    }

    toString() {
      return `<${isFile(this.type) ? this.type : "result"} ${this.id}${this.pointer}>`;
    }

    [Symbol.for("nodejs.util.inspect.custom")]() {
      return `${this}`;
    }

    // In the value of a program it is what it is, not what is in it.
    toJSON() {
      const { type, length, bytes, mimeType, uri } = this.#outline;
      if (isFile(type)) return { $handle: this.id, type, mimeType, bytes, uri };
      return { $handle: this.id, pointer: this.pointer || undefined, type, length, bytes };
    }
  }

  class DataUrl {
    #result;

    constructor(result) {
      this.#result = result;
      handleSet(handles, this, "@" + result.id);
    }

    then(resolve, reject) {
      const whole = this.#result.base64().then((text) => `data:${this.#result.mimeType};base64,${text}`);
      return whole.then(resolve, reject);
    }

    toJSON() {
      return `data URL of ${this.#result}`;
    }
  }

  const open = async (id, pointer) => new Result(id, pointer, await ask({ id, at: pointer, wants: "outline" }));

  const open_result = (id) => {
    if (typeof id !== "string") {
      throw new TypeError(`results.open takes a handle, as results.open("r_9"); it was given ${inspect(id)}`);
    }
    return open(id, "");
  };

  // The value of a call, as the host sends it.
  const held = ({ alone, parts }) => {
    const values = parts.map((part) => (part.handle ? new Result(part.handle.id, "", part.handle) : part.value));
    return alone ? values[0] : values;
  };

  const isHandle = (thing) => typeof thing === "string" && /^r_\d+$/.test(thing);

  // Shows images and other files to the agent; anything else is printed.
  const show = async (...things) => {
    for (let thing of things) {
      if (isHandle(thing)) thing = await open_result(thing);
      if (Array.isArray(thing) && thing.some((one) => one instanceof Result)) {
        await show(...thing);
      } else if (thing instanceof Result && isFile(thing.type)) {
        await askToShow({ id: thing.id });
      } else if (thing instanceof Result) {
        printLine(1, format([await thing.value()]));
      } else {
        const text = typeof thing === "object" && thing !== null ? thing.resource?.text : undefined;
        printLine(1, format([text ?? thing]));
      }
    }
  };

  return { __proto__: null, held, open_result, results: { open: open_result }, show };
});
