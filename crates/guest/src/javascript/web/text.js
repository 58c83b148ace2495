// `TextEncoder` and `TextDecoder`.
(function (internals, natives) {
  "use strict";

  const { setOwn, toWellFormed } = internals;

  const toHex = internals.method(Uint8Array.prototype.toHex);

  const failure = (kind, code, message) => {
    const error = new kind(message);
    setOwn(error, "code", code, true);
    return error;
  };

  const bytesOf = (input) => {
    if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    try {
      return new Uint8Array(ArrayBuffer.prototype.slice.call(input, 0));
    } catch {
      const message =
        'The "list" argument must be an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView.';
      throw failure(TypeError, "ERR_INVALID_ARG_TYPE", message);
    }
  };

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }

    encode(input = "") {
      return natives.encode(toWellFormed(`${input}`));
    }

    encodeInto(source, target) {
      if (!(target instanceof Uint8Array)) {
        const message = 'The "dest" argument must be an instance of Uint8Array.';
        throw failure(TypeError, "ERR_INVALID_ARG_TYPE", message);
      }
      const bytes = this.encode(source);
      let written = Math.min(bytes.length, target.length);
      // No part of a character.
      while (written < bytes.length && (bytes[written] & 0xc0) === 0x80) written--;
      const part = bytes.subarray(0, written);
      target.set(part);
      // What takes four bytes is two units of a string.
      let read = 0;
      for (let i = 0; i < written; i++) read += (part[i] & 0xc0) === 0x80 ? 0 : part[i] >= 0xf0 ? 2 : 1;
      return { read, written };
    }
  }

  const LABELS = {
    __proto__: null,
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "utf-16le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
    "utf-16be": "unicodefffe utf-16be",
    "windows-1252":
      "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 " +
      "iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
  };

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    // The bytes of a character that is not yet whole.
    #left = new Uint8Array(0);
    #begun = false;

    constructor(label = "utf-8", options = {}) {
      const wanted = `${label}`.trim().toLowerCase();
      this.#encoding = Object.keys(LABELS).find((name) => LABELS[name].split(" ").includes(wanted));
      if (this.#encoding === undefined) {
        const message = `The "${label}" encoding is not supported`;
        throw failure(RangeError, "ERR_ENCODING_NOT_SUPPORTED", message);
      }
      this.#fatal = !!options?.fatal;
      this.#ignoreBOM = !!options?.ignoreBOM;
    }

    get encoding() {
      return this.#encoding;
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#ignoreBOM;
    }

    decode(input = new Uint8Array(0), options = {}) {
      const stream = !!options?.stream;
      let bytes = bytesOf(input);
      if (this.#left.length > 0) {
        const all = new Uint8Array(this.#left.length + bytes.length);
        all.set(this.#left);
        all.set(bytes, this.#left.length);
        bytes = all;
      }
      const decoded = natives.decode(this.#encoding, toHex(bytes), this.#fatal, stream);
      this.#left = new Uint8Array(0);
      const begun = this.#begun;
      this.#begun = false;
      if (decoded === null) {
        const message = `The encoded data was not valid for encoding ${this.#encoding}`;
        throw failure(TypeError, "ERR_ENCODING_INVALID_ENCODED_DATA", message);
      }
      let [text, left] = decoded;
      if (stream) {
        this.#left = bytes.slice(bytes.length - left);
        this.#begun = begun || text !== "";
      }
      if (!begun && !this.#ignoreBOM && text[0] === "\ufeff") text = text.slice(1);
      return text;
    }
  }

  for (const kind of [TextEncoder, TextDecoder]) {
    Object.defineProperty(kind.prototype, Symbol.toStringTag, { value: kind.name, configurable: true });
  }
  return { __proto__: null, TextDecoder, TextEncoder };
});
