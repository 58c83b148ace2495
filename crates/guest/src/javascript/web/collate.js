// The order of texts in en-US.
(function (internals, natives) {
  "use strict";

  const { toWellFormed } = internals;
  const normalize = String.prototype.normalize;
  const decomposed = (text) => toWellFormed(normalize.call(text, "NFD"));

  const orderBy = ({ sensitivity = "variant", numeric = false, caseFirst = "false" }) =>
    (a, b) => natives.compare(decomposed(a), decomposed(b), sensitivity, numeric, caseFirst === "upper");

  const usual = orderBy({});

  const localeCompare = function (that, locales, options) {
    if (this === null || this === undefined) {
      throw new TypeError("String.prototype.localeCompare called on null or undefined");
    }
    if (locales === undefined && options === undefined) return usual(`${this}`, `${that}`);
    return new Intl.Collator(locales, options).compare(`${this}`, `${that}`);
  };

  return { __proto__: null, localeCompare, orderBy };
});
