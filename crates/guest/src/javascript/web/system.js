// `crypto` and `performance`.
(function (internals, natives) {
  "use strict";

  const INTEGERS = [
    Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
    BigInt64Array, BigUint64Array,
  ];

  const crypto = {
    getRandomValues(array) {
      if (!INTEGERS.some((kind) => array instanceof kind)) {
        const message = "The data argument must be an integer-type TypedArray";
        throw new DOMException(message, "TypeMismatchError");
      }
      if (array.byteLength > 65536) {
        const message = "The requested length exceeds 65,536 bytes";
        throw new DOMException(message, "QuotaExceededError");
      }
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(natives.random(array.byteLength));
      return array;
    },

    randomUUID() {
      const bytes = natives.random(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      let uuid = "";
      for (let i = 0; i < 16; i++) {
        if (i === 4 || i === 6 || i === 8 || i === 10) uuid += "-";
        uuid += (bytes[i] < 16 ? "0" : "") + bytes[i].toString(16);
      }
      return uuid;
    },
  };

  // Both count from the program's beginning.
  const { now, timeOrigin } = internals.native();
  const performance = {
    now: () => now(),
    timeOrigin,
    toJSON: () => ({ timeOrigin }),
  };

  const tag = (object, value) =>
    Object.defineProperty(object, Symbol.toStringTag, { value, configurable: true });
  return { __proto__: null, crypto: tag(crypto, "Crypto"), performance: tag(performance, "Performance") };
});
