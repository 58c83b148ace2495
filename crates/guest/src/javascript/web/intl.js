// `Intl` for en-US, to which every other locale resolves.
(function (internals, natives) {
  "use strict";

  const { setOwn } = internals;
  const LOCALE = "en-US";
  const TAG = /^(?:[a-z]{2,3}|[a-z]{5,8})(?:-[a-z0-9]{1,8})*$/i;

  const canonical = (locales) => {
    if (locales === undefined) return [];
    if (locales === null) throw new TypeError("Cannot convert undefined or null to object");
    const list = typeof locales === "string" ? [locales] : Array.from(locales);
    return list.map((tag) => {
      if (typeof tag !== "string" && (typeof tag !== "object" || tag === null)) {
        throw new TypeError("Incorrect locale information provided");
      }
      if (!TAG.test(`${tag}`)) throw new RangeError(`Incorrect locale information provided`);
      const [language, ...rest] = `${tag}`.toLowerCase().split("-");
      const parts = rest.map((part, i) => {
        if (part.length === 2 && rest[i - 1]?.length !== 1) return part.toUpperCase();
        if (part.length === 4 && i === 0 && /[a-z]/.test(part[0])) return part[0].toUpperCase() + part.slice(1);
        return part;
      });
      return [language, ...parts].join("-");
    });
  };

  const optionsOf = (options) => {
    if (options === undefined) return { __proto__: null };
    if (options === null) throw new TypeError("Cannot convert undefined or null to object");
    return Object(options);
  };

  // One of `values`, or what is usual.
  const choice = (options, name, values, usual, kind) => {
    let value = options[name];
    if (value === undefined) return usual;
    value = `${value}`;
    if (!values.includes(value)) {
      throw new RangeError(`Value ${value} out of range for Intl.${kind} options property ${name}`);
    }
    return value;
  };

  const whole = (options, name, least, most, usual) => {
    const value = options[name];
    if (value === undefined) return usual;
    const number = Number(value);
    if (!(number >= least && number <= most)) throw new RangeError(`${name} value is out of range.`);
    return Math.floor(number);
  };

  const define = (kind, name) => {
    setOwn(kind, "supportedLocalesOf", { supportedLocalesOf: canonical }.supportedLocalesOf, false);
    const value = `Intl.${name}`;
    Object.defineProperty(kind.prototype, Symbol.toStringTag, { value, configurable: true });
    return kind;
  };

  // `NumberFormat` and `DateTimeFormat` may be called without new.
  const callable = (kind, name) => {
    const constructor = {
      [name]: function (locales, options) {
        return Reflect.construct(kind, [locales, options], new.target ?? constructor);
      },
    }[name];
    constructor.prototype = kind.prototype;
    setOwn(kind.prototype, "constructor", constructor, false);
    return define(constructor, name);
  };

  internals.intl = { LOCALE, canonical, choice, optionsOf, whole };

  const once = (make) => {
    let made;
    return () => (made ??= make());
  };
  const numbers = once(() => natives.load("intl_number"));
  const dates = once(() => natives.load("intl_date"));
  const NumberFormat = once(() => callable(numbers().NumberFormat, "NumberFormat"));
  const DateTimeFormat = once(() => callable(dates().DateTimeFormat, "DateTimeFormat"));

  class PluralRules {
    #type;
    #digits;

    constructor(locales, options) {
      canonical(locales);
      options = optionsOf(options);
      this.#type = choice(options, "type", ["cardinal", "ordinal"], "cardinal", "PluralRules");
      this.#digits = numbers().digitOptions(options, 0, 3, "standard");
    }

    select(value) {
      value = +value;
      if (!Number.isFinite(value)) return "other";
      const { integer, fraction } = numbers().digitsOf(value, this.#digits);
      if (this.#type === "cardinal") return integer === "1" && fraction === "" ? "one" : "other";
      if (fraction !== "") return "other";
      const tens = integer.slice(-2).padStart(2, "0");
      if (tens[0] === "1") return "other";
      return { 1: "one", 2: "two", 3: "few" }[tens[1]] ?? "other";
    }

    resolvedOptions() {
      return {
        locale: LOCALE,
        type: this.#type,
        ...numbers().digitsShown(this.#digits),
        pluralCategories: this.#type === "ordinal" ? ["few", "one", "two", "other"] : ["one", "other"],
      };
    }
  }

  class ListFormat {
    #type;
    #style;

    constructor(locales, options) {
      canonical(locales);
      options = optionsOf(options);
      this.#type = choice(options, "type", ["conjunction", "disjunction", "unit"], "conjunction", "ListFormat");
      this.#style = choice(options, "style", ["long", "short", "narrow"], "long", "ListFormat");
    }

    formatToParts(list = []) {
      const items = [];
      for (const item of list) {
        if (typeof item !== "string") {
          throw new TypeError("Iterable yielded " + internals.inspect(item) + " which is not a string");
        }
        items.push(item);
      }
      const word = this.#type === "disjunction" ? "or" : this.#type === "unit" ? "" : { long: "and", short: "&", narrow: "" }[this.#style];
      const between = this.#type === "unit" && this.#style === "narrow" ? " " : ", ";
      const last = word === "" ? between : items.length === 2 ? ` ${word} ` : `, ${word} `;
      const parts = [];
      items.forEach((value, i) => {
        if (i > 0) parts.push({ type: "literal", value: i === items.length - 1 ? last : between });
        parts.push({ type: "element", value });
      });
      return parts;
    }

    format(list) {
      return this.formatToParts(list).map((part) => part.value).join("");
    }

    resolvedOptions() {
      return { locale: LOCALE, type: this.#type, style: this.#style };
    }
  }

  const RELATIVE = {
    __proto__: null,
    second: ["second", "sec.", "s", { 0: "now" }],
    minute: ["minute", "min.", "m", { 0: "this minute" }],
    hour: ["hour", "hr.", "h", { 0: "this hour" }],
    day: ["day", "day", "d", { "-1": "yesterday", 0: "today", 1: "tomorrow" }],
    week: ["week", "wk.", "w"],
    month: ["month", "mo.", "mo"],
    quarter: ["quarter", "qtr.", "q"],
    year: ["year", "yr.", "y"],
  };

  class RelativeTimeFormat {
    #style;
    #numeric;
    #number = new (NumberFormat())();

    constructor(locales, options) {
      canonical(locales);
      options = optionsOf(options);
      const kind = "RelativeTimeFormat";
      this.#style = choice(options, "style", ["long", "short", "narrow"], "long", kind);
      this.#numeric = choice(options, "numeric", ["always", "auto"], "always", kind);
    }

    formatToParts(value, unit) {
      value = +value;
      const name = `${unit}`.replace(/s$/, "");
      const names = RELATIVE[name];
      if (names === undefined) {
        throw new RangeError(`Invalid unit argument for Intl.RelativeTimeFormat.prototype.format() '${unit}'`);
      }
      if (!Number.isFinite(value)) {
        throw new RangeError("The number to be formatted is not finite: Intl.RelativeTimeFormat.prototype.format()");
      }
      const [long, short, narrow, words] = names;
      if (this.#numeric === "auto") {
        const usual = { "-1": `last ${this.#named(names)}`, 0: `this ${this.#named(names)}`, 1: `next ${this.#named(names)}` };
        const word = (words ?? usual)[Object.is(value, -0) ? "0" : value];
        if (word !== undefined) return [{ type: "literal", value: word }];
      }
      const past = value < 0 || Object.is(value, -0);
      const parts = this.#number.formatToParts(Math.abs(value)).map((part) => ({ ...part, unit: name }));
      const one = parts.length === 1 && parts[0].value === "1";
      const plural = this.#style === "long" ? (one ? long : `${long}s`) : name === "day" && !one ? "days" : name === "quarter" && !one ? "qtrs." : short;
      const text = this.#style === "narrow" ? narrow : ` ${plural}`;
      return past
        ? [...parts, { type: "literal", value: `${text} ago` }]
        : [{ type: "literal", value: "in " }, ...parts, { type: "literal", value: text }];
    }

    #named([long, short]) {
      return this.#style === "long" ? long : short;
    }

    format(value, unit) {
      return this.formatToParts(value, unit).map((part) => part.value).join("");
    }

    resolvedOptions() {
      return { locale: LOCALE, style: this.#style, numeric: this.#numeric, numberingSystem: "latn" };
    }
  }

  const collate = once(() => natives.load("collate"));

  class Collator {
    #options;
    #compare;

    constructor(locales, options) {
      canonical(locales);
      options = optionsOf(options);
      const kind = "Collator";
      this.#options = {
        usage: choice(options, "usage", ["sort", "search"], "sort", kind),
        sensitivity: choice(options, "sensitivity", ["base", "accent", "case", "variant"], "variant", kind),
        ignorePunctuation: !!options.ignorePunctuation,
        collation: "default",
        numeric: !!options.numeric,
        caseFirst: choice(options, "caseFirst", ["upper", "lower", "false"], "false", kind),
      };
      const order = collate().orderBy(this.#options);
      const bare = (text) => (this.#options.ignorePunctuation ? text.replace(/[\p{P}\s]/gu, "") : text);
      this.#compare = (a, b) => order(bare(`${a}`), bare(`${b}`));
    }

    get compare() {
      return this.#compare;
    }

    resolvedOptions() {
      return { locale: LOCALE, ...this.#options };
    }
  }

  const Intl = {};
  const kinds = { PluralRules, ListFormat, RelativeTimeFormat, Collator };
  for (const name of Object.keys(kinds)) setOwn(Intl, name, define(kinds[name], name), false);
  const later = { NumberFormat, DateTimeFormat };
  for (const name of Object.keys(later)) {
    Object.defineProperty(Intl, name, {
      get() {
        setOwn(Intl, name, later[name](), false);
        return Intl[name];
      },
      set(value) {
        setOwn(Intl, name, value, false);
      },
      enumerable: false,
      configurable: true,
    });
  }
  setOwn(Intl, "getCanonicalLocales", { getCanonicalLocales: canonical }.getCanonicalLocales, false);
  Object.defineProperty(Intl, Symbol.toStringTag, { value: "Intl", configurable: true });

  const usualNumber = once(() => new (NumberFormat())());
  const numberFormat = (locales, options) =>
    locales === undefined && options === undefined ? usualNumber() : new (NumberFormat())(locales, options);
  const unboxed = (unbox, value, name) => {
    const number = internals.ask(unbox, value);
    if (number === undefined) throw new TypeError(`${name}.prototype.toLocaleString requires that 'this' be a ${name}`);
    return number;
  };
  const numberValue = internals.method(Number.prototype.valueOf);
  const bigIntValue = internals.method(BigInt.prototype.valueOf);

  const dateMethod = (required, usual) => {
    const usualFormat = once(() => dates().format(undefined, undefined, required, usual));
    return function (locales, options) {
      const time = internals.ask(internals.getTime, this);
      if (time === undefined) throw new TypeError("this is not a Date object.");
      if (time !== time) return "Invalid Date";
      const plain = locales === undefined && options === undefined;
      return (plain ? usualFormat() : dates().format(locales, options, required, usual)).format(time);
    };
  };

  return {
    __proto__: null,
    Intl,
    numberToLocaleString(locales, options) {
      return numberFormat(locales, options).format(unboxed(numberValue, this, "Number"));
    },
    bigIntToLocaleString(locales, options) {
      return numberFormat(locales, options).format(unboxed(bigIntValue, this, "BigInt"));
    },
    dateToLocaleString: dateMethod("any", "all"),
    dateToLocaleDateString: dateMethod("date", "date"),
    dateToLocaleTimeString: dateMethod("time", "time"),
  };
});
