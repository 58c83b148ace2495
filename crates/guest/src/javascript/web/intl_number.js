// `Intl.NumberFormat` for en-US.
(function (internals, natives) {
  "use strict";

  const { LOCALE, canonical, choice, optionsOf, whole } = internals.intl;

  let loaded;
  const names = () => (loaded ??= natives.load("intl_names"));

  // A number as it is written: 0.DIGITS × 10^exponent; zero has no digits.
  const decimalOf = (value) => {
    if (typeof value === "object" && value !== null) {
      const toPrimitive = value[Symbol.toPrimitive];
      value = toPrimitive === undefined ? value.valueOf() : toPrimitive.call(value, "number");
    }
    if (typeof value === "string") {
      const text = value.trim();
      if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?$/i.test(text)) value = Number(text);
      else return written(text.replace(/^[+-]/, ""), text[0] === "-");
    }
    if (typeof value === "bigint") return written(`${value < 0n ? -value : value}`, value < 0n);
    value = Number(value);
    if (value !== value) return { special: "NaN", negative: false };
    const negative = value < 0 || Object.is(value, -0);
    if (value === Infinity || value === -Infinity) return { special: "∞", negative };
    return written(`${Math.abs(value)}`, negative);
  };

  const written = (text, negative) => {
    const [mantissa, power = "0"] = text.toLowerCase().split("e");
    const [integer, fraction = ""] = mantissa.split(".");
    const all = integer + fraction;
    const digits = all.replace(/^0+/, "");
    const exponent = integer.length - (all.length - digits.length) + Number(power);
    return { negative, digits: digits.replace(/0+$/, ""), exponent: digits === "" ? 1 : exponent };
  };

  // Whether to go away from zero, with `rest` the digits that go and `last` the one before them.
  const goesUp = (mode, negative, last, rest) => {
    if (/^0*$/.test(rest)) return false;
    const half = rest[0] === "5" && /^50*$/.test(rest);
    const more = rest[0] >= "5" && !half;
    switch (mode) {
      case "ceil":
        return !negative;
      case "floor":
        return negative;
      case "expand":
        return true;
      case "trunc":
        return false;
      case "halfCeil":
        return more || (half && !negative);
      case "halfFloor":
        return more || (half && negative);
      case "halfTrunc":
        return more;
      case "halfEven":
        return more || (half && Number(last) % 2 === 1);
      default:
        return more || half;
    }
  };

  // Rounded to so many digits after the point.
  const round = (decimal, places, mode) => {
    const { negative, digits, exponent } = decimal;
    const kept = exponent + places;
    if (digits.length <= kept || digits === "") return decimal;
    const head = digits.slice(0, Math.max(kept, 0));
    const rest = kept < 0 ? "0".repeat(-kept) + digits : digits.slice(kept);
    if (!goesUp(mode, negative, head.at(-1) ?? "0", rest)) {
      const left = head.replace(/0+$/, "");
      return { negative, digits: left, exponent: left === "" ? 1 : exponent };
    }
    if (kept < 0) return { negative, digits: "1", exponent: 1 - places };
    const up = `${BigInt(`0${head}`) + 1n}`.padStart(head.length, "0");
    return { negative, digits: up.replace(/0+$/, ""), exponent: exponent + up.length - head.length };
  };

  const MODES = [
    "ceil", "floor", "expand", "trunc", "halfCeil", "halfFloor", "halfExpand", "halfTrunc", "halfEven",
  ];

  const digitOptions = (options, least, most, notation) => {
    const kind = "NumberFormat";
    const integer = whole(options, "minimumIntegerDigits", 1, 21, 1);
    const { minimumFractionDigits, maximumFractionDigits, minimumSignificantDigits, maximumSignificantDigits } = options;
    const increment = whole(options, "roundingIncrement", 1, 5000, 1);
    if (increment !== 1) throw new RangeError("roundingIncrement is not known here: round the number first");
    const mode = choice(options, "roundingMode", MODES, "halfExpand", kind);
    const priority = choice(options, "roundingPriority", ["auto", "morePrecision", "lessPrecision"], "auto", kind);
    const zeros = choice(options, "trailingZeroDisplay", ["auto", "stripIfInteger"], "auto", kind);
    const digits = { integer, mode, priority, zeros };
    const hasSignificant = minimumSignificantDigits !== undefined || maximumSignificantDigits !== undefined;
    const hasFraction = minimumFractionDigits !== undefined || maximumFractionDigits !== undefined;
    const needsSignificant = priority !== "auto" || hasSignificant;
    const needsFraction = priority !== "auto" || !(needsSignificant || (!hasFraction && notation === "compact"));
    if (needsSignificant) {
      const min = whole(options, "minimumSignificantDigits", 1, 21, 1);
      digits.significant = [min, whole(options, "maximumSignificantDigits", min, 21, 21)];
    }
    if (needsFraction) {
      let min = whole(options, "minimumFractionDigits", 0, 100, undefined);
      let max = whole(options, "maximumFractionDigits", 0, 100, undefined);
      if (min === undefined) min = Math.min(least, max ?? least);
      else if (max !== undefined && min > max) throw new RangeError("maximumFractionDigits value is out of range.");
      digits.fraction = [min, max ?? Math.max(most, min)];
    }
    if (!needsSignificant && !needsFraction) {
      digits.fraction = [0, 0];
      digits.significant = [1, 2];
      digits.priority = "morePrecision";
    }
    return digits;
  };

  const digitsShown = ({ integer, significant, fraction }) => ({
    minimumIntegerDigits: integer,
    ...(significant && { minimumSignificantDigits: significant[0], maximumSignificantDigits: significant[1] }),
    ...(fraction && { minimumFractionDigits: fraction[0], maximumFractionDigits: fraction[1] }),
  });

  // Rounds, and writes down the digits before and after the point.
  const write = (decimal, { integer, significant, fraction, priority, mode, zeros }) => {
    let bySignificant = fraction === undefined;
    if (significant !== undefined && fraction !== undefined) {
      const finer = significant[1] - decimal.exponent >= fraction[1];
      bySignificant = priority === "morePrecision" ? finer : !finer;
    }
    const places = bySignificant ? significant[1] - decimal.exponent : fraction[1];
    const rounded = round(decimal, places, mode);
    const { digits, exponent } = rounded;
    let whole = exponent > 0 ? digits.slice(0, exponent).padEnd(digits === "" ? 0 : exponent, "0") : "";
    let rest = exponent > 0 ? digits.slice(exponent) : "0".repeat(-exponent) + digits;
    rest = rest.padEnd(bySignificant ? significant[0] - exponent : fraction[0], "0");
    if (zeros === "stripIfInteger" && /^0*$/.test(rest)) rest = "";
    whole = whole.padStart(integer, "0");
    return { rounded, integer: whole, fraction: rest };
  };

  const grouped = (integer, grouping) => {
    if (grouping === false || integer.length < (grouping === "min2" ? 5 : 4)) return [integer];
    const groups = [];
    for (let end = integer.length; end > 0; end -= 3) groups.unshift(integer.slice(Math.max(end - 3, 0), end));
    return groups;
  };

  const COMPACT = { short: ["", "K", "M", "B", "T"], long: ["", "thousand", "million", "billion", "trillion"] };

  class NumberFormat {
    #style;
    #digits;
    #options;
    #format;

    constructor(locales, options) {
      canonical(locales);
      options = optionsOf(options);
      const kind = "NumberFormat";
      const style = choice(options, "style", ["decimal", "percent", "currency", "unit"], "decimal", kind);
      let currency = options.currency;
      if (currency === undefined) {
        if (style === "currency") throw new TypeError("Currency code is required with currency style.");
      } else if (!/^[a-z]{3}$/i.test(currency)) {
        throw new RangeError(`Invalid currency code : ${currency}`);
      }
      const currencyDisplay = choice(options, "currencyDisplay", ["code", "symbol", "narrowSymbol", "name"], "symbol", kind);
      const currencySign = choice(options, "currencySign", ["standard", "accounting"], "standard", kind);
      const { unit } = options;
      if (unit === undefined ? style === "unit" : names().unit(`${unit}`, "short") === undefined) {
        const error = unit === undefined ? TypeError : RangeError;
        throw new error(`Invalid unit argument for Intl.NumberFormat() '${unit ?? ""}'`);
      }
      const unitDisplay = choice(options, "unitDisplay", ["short", "narrow", "long"], "short", kind);
      const notation = choice(options, "notation", ["standard", "scientific", "engineering", "compact"], "standard", kind);
      let [least, most] = [0, style === "percent" ? 0 : 3];
      if (style === "currency") {
        currency = currency.toUpperCase();
        least = most = names().currency(currency).digits;
      }
      this.#digits = digitOptions(options, least, most, notation);
      const compactDisplay = choice(options, "compactDisplay", ["short", "long"], "short", kind);
      const usual = notation === "compact" ? "min2" : "auto";
      let useGrouping = options.useGrouping ?? usual;
      if (useGrouping === true) useGrouping = "always";
      else if (!useGrouping) useGrouping = false;
      else if (useGrouping === "true" || useGrouping === "false") useGrouping = usual;
      else useGrouping = choice({ useGrouping }, "useGrouping", ["min2", "auto", "always"], usual, kind);
      const signDisplay = choice(options, "signDisplay", ["auto", "never", "always", "exceptZero", "negative"], "auto", kind);
      this.#style = style;
      this.#options = {
        locale: LOCALE,
        numberingSystem: "latn",
        style,
        ...(style === "currency" && { currency, currencyDisplay, currencySign }),
        ...(style === "unit" && { unit: `${unit}`, unitDisplay }),
        ...digitsShown(this.#digits),
        useGrouping,
        notation,
        ...(notation === "compact" && { compactDisplay }),
        signDisplay,
        roundingMode: this.#digits.mode,
        roundingIncrement: 1,
        trailingZeroDisplay: this.#digits.zeros,
        roundingPriority: this.#digits.priority,
      };
    }

    get format() {
      return (this.#format ??= (value) => {
        let text = "";
        for (const part of this.formatToParts(value)) text += part.value;
        return text;
      });
    }

    formatToParts(value) {
      const decimal = decimalOf(value);
      const { negative } = decimal;
      const parts = [];
      const add = (type, value) => parts.push({ type, value });
      let one = false;
      let isZero = false;
      if (decimal.special !== undefined) {
        add(decimal.special === "NaN" ? "nan" : "infinity", decimal.special);
      } else {
        ({ one, isZero } = this.#number(decimal, add));
      }
      this.#affix(parts, one);
      const { signDisplay, currencySign } = this.#options;
      const isNothing = isZero || decimal.special === "NaN";
      let sign = negative ? "-" : "+";
      if (signDisplay === "never") sign = "";
      else if (signDisplay === "auto" && !negative) sign = "";
      else if (signDisplay === "exceptZero" && isNothing) sign = "";
      else if (signDisplay === "negative" && (!negative || isNothing)) sign = "";
      if (sign === "-" && currencySign === "accounting" && this.#options.currencyDisplay !== "name") {
        return [{ type: "literal", value: "(" }, ...parts, { type: "literal", value: ")" }];
      }
      if (sign !== "") parts.unshift({ type: sign === "-" ? "minusSign" : "plusSign", value: sign });
      return parts;
    }

    #number(decimal, add) {
      if (this.#style === "percent" && decimal.digits !== "") decimal.exponent += 2;
      const { notation, useGrouping, compactDisplay } = this.#options;
      const zero = decimal.digits === "";
      let power = 0;
      const step = notation === "scientific" ? 1 : 3;
      const powerOf = ({ exponent }) => {
        const power = Math.floor((exponent - 1) / step) * step;
        return notation === "compact" ? Math.min(Math.max(power, 0), 12) : power;
      };
      if (notation !== "standard" && !zero) power = powerOf(decimal);
      const scaled = (power) => write({ ...decimal, exponent: decimal.exponent - (zero ? 0 : power) }, this.#digits);
      let shown = scaled(power);
      if (notation !== "standard" && shown.rounded.digits !== "") {
        // Rounding may have made it a digit longer.
        const next = powerOf({ exponent: shown.rounded.exponent + power });
        if (next > power) shown = scaled((power = next));
      }
      const grouping = notation === "scientific" || notation === "engineering" ? false : useGrouping;
      grouped(shown.integer, grouping).forEach((group, i) => {
        if (i > 0) add("group", ",");
        add("integer", group);
      });
      if (shown.fraction !== "") {
        add("decimal", ".");
        add("fraction", shown.fraction);
      }
      if (notation === "compact" && power > 0) {
        const long = compactDisplay === "long" && this.#style !== "currency";
        if (long) add("literal", " ");
        add("compact", COMPACT[long ? "long" : "short"][power / 3]);
      } else if (notation === "scientific" || notation === "engineering") {
        add("exponentSeparator", "E");
        if (power < 0) add("exponentMinusSign", "-");
        add("exponentInteger", `${Math.abs(power)}`);
      }
      const one = shown.integer === "1" && shown.fraction === "" && power === 0;
      return { one, isZero: shown.rounded.digits === "" };
    }

    // What stands before and after the number.
    #affix(parts, one) {
      const { currency, currencyDisplay, unit, unitDisplay } = this.#options;
      if (this.#style === "percent") {
        // As Node names it.
        parts.push({ type: this.#options.notation === "compact" ? "unit" : "percentSign", value: "%" });
      }
      if (this.#style === "currency") {
        const known = names().currency(currency);
        if (currencyDisplay === "name") {
          parts.push({ type: "literal", value: " " }, { type: "currency", value: one ? known.one : known.many });
          return;
        }
        const value = currencyDisplay === "code" ? currency : currencyDisplay === "symbol" ? known.sign : known.narrow;
        if (!/[\p{S}\p{Z}]$/u.test(value)) parts.unshift({ type: "literal", value: "\u00a0" });
        parts.unshift({ type: "currency", value });
      }
      if (this.#style === "unit") {
        const patterns = names().unit(unit, unitDisplay);
        const after = patterns[one ? 0 : 1].slice(1);
        const value = after.trimStart();
        if (value !== after) parts.push({ type: "literal", value: after.slice(0, -value.length) });
        parts.push({ type: unit === "percent" ? "percentSign" : "unit", value });
      }
    }

    resolvedOptions() {
      return { ...this.#options };
    }
  }

  const digitsOf = (value, digits) => write(decimalOf(Math.abs(value)), digits);

  return { __proto__: null, NumberFormat, digitOptions, digitsOf, digitsShown };
});
