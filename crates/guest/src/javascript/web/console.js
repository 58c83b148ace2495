// What the console has beyond printing a line.
(function (internals) {
  "use strict";

  const { append, apply, format, getTime, group, inspect, inspectTo, isArray, mapSize, ask, printLine, setSize } =
    internals;
  const out = (...args) => printLine(1, format(args));
  const warn = (message) => printLine(2, `Warning: ${message}`);
  const counts = new Map();
  const times = new Map();
  const now = () => internals.native().now();

  const duration = (ms) => {
    const places = (value, unit) => `${value.toFixed(3)}${unit}`;
    const two = (value) => (value < 10 ? "0" : "") + value;
    if (ms >= 3600000) {
      const minutes = Math.floor((ms % 3600000) / 60000);
      return `${Math.floor(ms / 3600000)}:${two(minutes)}:${two(Math.floor((ms % 60000) / 1000))} (h:mm:ss)`;
    }
    if (ms >= 60000) {
      const seconds = (ms % 60000) / 1000;
      return `${Math.floor(ms / 60000)}:${seconds < 10 ? "0" : ""}${seconds.toFixed(3)} (m:ss.mmm)`;
    }
    if (ms >= 1000) return places(ms / 1000, "s");
    return `${Number(ms.toFixed(3))}ms`;
  };

  const timeSince = (label, method) => {
    if (times.has(label)) return `${label}: ${duration(now() - times.get(label))}`;
    warn(`No such label '${label}' for console.${method}()`);
    return undefined;
  };

  // How many columns a text takes.
  const width = (text) => {
    let columns = 0;
    for (const char of text) {
      const code = char.codePointAt(0);
      const wide =
        (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
        (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
        (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
        (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
        (code >= 0x20000 && code <= 0x3fffd);
      const none = (code >= 0x300 && code <= 0x36f) || code === 0x200b || code === 0x200d ||
        (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0x20d0 && code <= 0x20ff);
      columns += none ? 0 : wide ? 2 : 1;
    }
    return columns;
  };

  // Rows of texts, the first of them the head.
  const draw = (rows) => {
    const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => width(row[i]))) + 2);
    const line = (left, middle, right) => left + widths.map((count) => "─".repeat(count)).join(middle) + right;
    const show = (row) =>
      "│" + row.map((text, i) => ` ${text}${" ".repeat(widths[i] - width(text) - 1)}`).join("│") + "│";
    const lines = [line("┌", "┬", "┐"), show(rows[0]), line("├", "┼", "┤"), ...rows.slice(1).map(show)];
    lines.push(line("└", "┴", "┘"));
    return lines.join("\n");
  };

  const isObject = (value) => value !== null && (typeof value === "object" || typeof value === "function");
  const cell = (value) => inspectTo(isObject(value) && !isArray(value) && Object.keys(value).length > 2 ? -1 : 0, value);

  const table = (data, properties) => {
    if (data === null || typeof data !== "object") return out(data);
    if (properties !== undefined && !isArray(properties)) {
      throw new TypeError('The "properties" argument must be an instance of Array.');
    }
    const VALUES = "Values";
    const isMap = ask(mapSize, data) !== undefined;
    const isSet = ask(setSize, data) !== undefined;
    if (isMap) {
      const rows = [["(iteration index)", "Key", VALUES]];
      let index = 0;
      for (const [key, value] of data) rows.push([`${index++}`, cell(key), cell(value)]);
      return printLine(1, draw(rows));
    }
    if (isSet) {
      const rows = [["(iteration index)", VALUES]];
      let index = 0;
      for (const value of data) rows.push([`${index++}`, cell(value)]);
      return printLine(1, draw(rows));
    }
    const columns = new Map();
    const indexes = Object.keys(data);
    const values = [];
    let anyValue = false;
    if (properties !== undefined) for (const name of properties) columns.set(name, []);
    indexes.forEach((index, row) => {
      const item = data[index];
      const primitive = !isObject(item) || typeof item === "function";
      if (primitive) {
        anyValue = true;
        values[row] = cell(item);
        return;
      }
      for (const name of properties ?? Object.keys(item)) {
        if (!columns.has(name)) columns.set(name, []);
        if (Object.hasOwn(item, name)) columns.get(name)[row] = cell(item[name]);
      }
    });
    const rows = [["(index)", ...columns.keys()]];
    indexes.forEach((index, row) => rows.push([index, ...[...columns.values()].map((column) => column[row] ?? "")]));
    if (anyValue) {
      rows[0].push(VALUES);
      indexes.forEach((_, row) => rows[row + 1].push(values[row] ?? ""));
    }
    printLine(1, draw(rows));
  };

  return {
    __proto__: null,
    assert(condition, ...args) {
      if (condition) return;
      if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
      else args.unshift(args.length > 0 ? "Assertion failed:" : "Assertion failed");
      printLine(2, format(args));
    },
    count(label = "default") {
      label = `${label}`;
      counts.set(label, (counts.get(label) ?? 0) + 1);
      out(`${label}: ${counts.get(label)}`);
    },
    countReset(label = "default") {
      if (!counts.delete(`${label}`)) warn(`Count for '${label}' does not exist`);
    },
    dir(value, options) {
      const depth = options?.depth;
      const text = depth === undefined ? inspect(value) : inspectTo(depth ?? Infinity, value);
      printLine(1, text);
    },
    dirxml: out,
    group(...args) {
      if (args.length > 0) out(...args);
      group.indent += "  ";
    },
    groupEnd() {
      group.indent = group.indent.slice(2);
    },
    table,
    time(label = "default") {
      label = `${label}`;
      if (times.has(label)) warn(`Label '${label}' already exists for console.time()`);
      else times.set(label, now());
    },
    timeEnd(label = "default") {
      const text = timeSince(`${label}`, "timeEnd");
      if (text === undefined) return;
      times.delete(`${label}`);
      printLine(1, text);
    },
    timeLog(label = "default", ...args) {
      const text = timeSince(`${label}`, "timeLog");
      if (text !== undefined) printLine(1, args.length > 0 ? `${text} ${format(args)}` : text);
    },
    trace(...args) {
      const site = {};
      Error.captureStackTrace(site);
      const places = site.stack.split("\n").filter((line) => line.includes("program:"));
      const text = format(args);
      printLine(2, [text === "" ? "Trace" : `Trace: ${text}`, ...places].join("\n"));
    },
  };
});
