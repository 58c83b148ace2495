// Values of earlier programs, by handle: found by a JSON pointer, read in slices.
(function (internals) {
  "use strict";

  const { askOfResult: ask, inspect } = internals;

  const escaped = (name) => String(name).replaceAll("~", "~0").replaceAll("/", "~1");

  // As arrays read an index.
  const whole = (number) => Math.trunc(Number(number)) || 0;

  // A kept value or a part of it, of which only what is asked for is fetched.
  class Result {
    #outline;

    constructor(id, pointer, outline) {
      this.id = id;
      this.pointer = pointer;
      this.#outline = outline;
    }

    get type() {
      return this.#outline.type;
    }

    // Elements, members or characters.
    get length() {
      return this.#outline.length;
    }

    get bytes() {
      return this.#outline.bytes;
    }

    // All of it.
    value() {
      return ask({ id: this.id, at: this.pointer, wants: "value" });
    }

    // The part that a JSON pointer (`/items/0/name`) leads to.
    at(pointer) {
      return open(this.id, this.pointer + pointer);
    }

    // The value of a member or an element; undefined when there is none.
    async get(key) {
      if (this.type === "array" && !(key >= 0 && key < this.length)) return undefined;
      try {
        return await ask({ id: this.id, at: this.pointer + "/" + escaped(key), wants: "value" });
      } catch (error) {
        if (error.message.includes("there is no member")) return undefined;
        throw error;
      }
    }

    // As the method of arrays and strings; of an object, the members.
    async slice(start = 0, end = this.length) {
      const length = this.length;
      if (length === null) throw new TypeError(`${this} is of type ${this.type} and has no parts`);
      const from = whole(start) < 0 ? Math.max(length + whole(start), 0) : whole(start);
      const to = whole(end) < 0 ? length + whole(end) : Math.min(whole(end), length);
      const parts = [];
      for await (const part of this.#parts("slice", from, to)) parts.push(part);
      if (this.type === "string") return parts.join("");
      return this.type === "array" ? parts.flat() : Object.assign({}, ...parts);
    }

    // The lines of a string, without their ends.
    async lines(start = 0, end = undefined) {
      const parts = [];
      const to = end === undefined ? undefined : Math.max(whole(end), 0);
      for await (const part of this.#parts("lines", Math.max(whole(start), 0), to)) parts.push(part);
      return parts.flat();
    }

    // What is in the lines of a string, each of which is JSON; empty ones are passed over.
    async jsonLines(start = 0, end = undefined) {
      const lines = await this.lines(start, end);
      return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
    }

    // The elements of an array, the pairs of an object, the lines of a string.
    async *[Symbol.asyncIterator]() {
      const wants = this.type === "string" ? "lines" : "slice";
      for await (const part of this.#parts(wants, 0, undefined)) {
        yield* this.type === "object" ? Object.entries(part) : part;
      }
    }

    async *#parts(wants, from, to) {
      while (to === undefined || from < to) {
        const { items, end, is_last } = await ask({ id: this.id, at: this.pointer, wants, from, to });
        yield items;
        from = end;
        if (is_last) return;
      }
    }

    toString() {
      return `<result ${this.id}${this.pointer}>`;
    }

    // In the value of a program it is what it is, not what is in it.
    toJSON() {
      return { result: this.id, pointer: this.pointer, type: this.type, length: this.length };
    }
  }

  const open = async (id, pointer) => new Result(id, pointer, await ask({ id, at: pointer, wants: "outline" }));

  const open_result = (id) => {
    if (typeof id !== "string") {
      throw new TypeError(`results.open takes a handle, as results.open("r_9"); it was given ${inspect(id)}`);
    }
    return open(id, "");
  };

  return { __proto__: null, open_result, results: { open: open_result } };
});
