// `structuredClone`, by what the prelude took from the built-ins before the program began.
(function (internals, natives) {
  "use strict";

  const {
    append, ask, bufferSlice, construct, copyable, errors, functionToString, getOwnPropertyDescriptor,
    getPrototypeOf, getTime, isArray, isError, mapForEach, mapGet, mapHas, mapSet, mapSize, ownKeys,
    promiseState, propertyIsEnumerable, regExpFlags, regExpSource, setAdd, setForEach, setOwn, setSize,
    symbolToString, typedArrayLength, unbox,
  } = internals;
  const { BuiltinDate, BuiltinError, BuiltinMap, BuiltinRegExp, BuiltinSet } = copyable;
  const BuiltinObject = copyable.Object;
  const { isView } = ArrayBuffer;
  const tagOf = internals.method(BuiltinObject.prototype.toString);
  const transfer = internals.method(ArrayBuffer.prototype.transfer);
  const BuiltinDOMException = DOMException;

  // Of these, nothing can be said in data.
  const UNFIT = {
    __proto__: null,
    "[object WeakMap]": "#<WeakMap>",
    "[object WeakSet]": "#<WeakSet>",
    "[object WeakRef]": "#<WeakRef>",
    "[object FinalizationRegistry]": "#<FinalizationRegistry>",
    "[object Generator]": "[object Generator]",
    "[object AsyncGenerator]": "[object AsyncGenerator]",
  };

  const refuse = (what) => {
    throw new BuiltinDOMException(what + " could not be cloned.", "DataCloneError");
  };

  const structuredClone = function (value, options) {
    if (arguments.length === 0) {
      const error = new errors.TypeError("The value argument must be specified");
      setOwn(error, "code", "ERR_MISSING_ARGS", true);
      throw error;
    }
    const copies = new BuiltinMap();
    const remember = (value, copy) => {
      mapSet(copies, value, copy);
      return copy;
    };
    const copyBuffer = (buffer) => {
      if (mapHas(copies, buffer)) return mapGet(copies, buffer);
      return remember(buffer, bufferSlice(buffer, 0));
    };
    const copyOf = (value) => {
      if (typeof value === "function") refuse(functionToString(value));
      if (typeof value === "symbol") refuse(symbolToString(value));
      if (typeof value !== "object" || value === null) return value;
      if (mapHas(copies, value)) return mapGet(copies, value);
      if (natives.isProxy(value)) refuse("#<Object>");
      if (promiseState(value)) refuse("#<Promise>");
      if (isArray(value)) {
        const copy = remember(value, []);
        copy.length = value.length;
        copyMembers(value, copy);
        return copy;
      }
      const time = ask(getTime, value);
      if (time !== undefined) return remember(value, new BuiltinDate(time));
      if (ask(mapSize, value) !== undefined) {
        const copy = remember(value, new BuiltinMap());
        const pairs = [];
        mapForEach(value, (item, key) => append(pairs, [key, item]));
        for (let i = 0; i < pairs.length; i++) mapSet(copy, copyOf(pairs[i][0]), copyOf(pairs[i][1]));
        return copy;
      }
      if (ask(setSize, value) !== undefined) {
        const copy = remember(value, new BuiltinSet());
        const items = [];
        setForEach(value, (item) => append(items, item));
        for (let i = 0; i < items.length; i++) setAdd(copy, copyOf(items[i]));
        return copy;
      }
      if (ask(regExpSource, value) !== undefined && value !== BuiltinRegExp.prototype) {
        return remember(value, new BuiltinRegExp(regExpSource(value), regExpFlags(value)));
      }
      if (value instanceof BuiltinDOMException) return remember(value, {});
      if (isError(value)) return copyError(value);
      if (isView(value)) {
        const buffer = copyBuffer(value.buffer);
        const length = ask(typedArrayLength, value);
        // A subclass's copy is of the built-in's class.
        let prototype = getPrototypeOf(value);
        const tag = length === undefined ? "DataView" : value[Symbol.toStringTag];
        while (prototype !== null && getOwnPropertyDescriptor(prototype, "constructor")?.value?.name !== tag) {
          prototype = getPrototypeOf(prototype);
        }
        const { constructor } = prototype ?? value;
        const size = length === undefined ? value.byteLength : length;
        return remember(value, construct(constructor, [buffer, value.byteOffset, size]));
      }
      if (ask(bufferSlice, value) !== undefined) return copyBuffer(value);
      const unboxed = unbox(value);
      if (unboxed !== undefined) return remember(value, BuiltinObject(unboxed));
      const unfit = UNFIT[tagOf(value)];
      if (unfit !== undefined) refuse(unfit);
      const copy = remember(value, {});
      copyMembers(value, copy);
      return copy;
    };
    const copyError = (value) => {
      const name = ask((value) => `${value.name}`, value);
      const kind = errors[name] ?? BuiltinError;
      const copy = remember(value, new kind());
      const message = getOwnPropertyDescriptor(value, "message");
      if (message !== undefined && "value" in message) setOwn(copy, "message", `${message.value}`, false);
      const cause = getOwnPropertyDescriptor(value, "cause");
      if (cause !== undefined && "value" in cause) setOwn(copy, "cause", copyOf(cause.value), false);
      setOwn(copy, "stack", value.stack, false);
      return copy;
    };
    const copyMembers = (from, to) => {
      const keys = ownKeys(from);
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i];
        if (typeof key === "string" && propertyIsEnumerable(from, key)) {
          setOwn(to, key, copyOf(from[key]), true);
        }
      }
    };
    const moved = [];
    const given = options?.transfer === undefined ? [] : [...options.transfer];
    for (let i = 0; i < given.length; i++) {
      const buffer = given[i];
      if (ask(bufferSlice, buffer) === undefined) {
        const message = "Value could not be transferred: it is no ArrayBuffer.";
        throw new BuiltinDOMException(message, "DataCloneError");
      }
      copyBuffer(buffer);
      append(moved, buffer);
    }
    const copy = copyOf(value);
    for (let i = 0; i < moved.length; i++) transfer(moved[i]);
    return copy;
  };
  return { __proto__: null, structuredClone };
});
