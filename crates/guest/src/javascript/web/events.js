// `Event`, `EventTarget` and what aborts.
(function (internals) {
  "use strict";

  const { setOwn, inspect } = internals;
  const CUSTOM = Symbol.for("nodejs.util.inspect.custom");

  const failure = (kind, code, message) => {
    const error = new kind(message);
    setOwn(error, "code", code, true);
    return error;
  };

  const received = (value) => {
    if (value === null || value === undefined) return `Received ${value}`;
    if (typeof value === "object") return `Received an instance of ${value.constructor?.name ?? "Object"}`;
    if (typeof value === "function") return `Received function ${value.name}`;
    return `Received type ${typeof value} (${inspect(value)})`;
  };

  const wrongType = (name, wanted, value) =>
    failure(TypeError, "ERR_INVALID_ARG_TYPE", `The "${name}" argument must be ${wanted}. ${received(value)}`);

  // Given to what dispatches.
  let mark;
  let isStopped;

  class Event {
    #type;
    #bubbles;
    #cancelable;
    #composed;
    #state = { target: null, current: null, stopped: false, prevented: false, passive: false, phase: 0 };
    #timeStamp = internals.native().now();

    static {
      mark = (event, changes) => Object.assign(event.#state, changes);
      isStopped = (event) => event.#state.stopped;
    }

    constructor(type, options = {}) {
      if (arguments.length === 0) {
        throw failure(TypeError, "ERR_MISSING_ARGS", 'The "type" argument must be specified');
      }
      this.#type = `${type}`;
      this.#bubbles = !!options?.bubbles;
      this.#cancelable = !!options?.cancelable;
      this.#composed = !!options?.composed;
    }

    get type() {
      return this.#type;
    }
    get bubbles() {
      return this.#bubbles;
    }
    get cancelable() {
      return this.#cancelable;
    }
    get composed() {
      return this.#composed;
    }
    get target() {
      return this.#state.target;
    }
    get srcElement() {
      return this.#state.target;
    }
    get currentTarget() {
      return this.#state.current;
    }
    get eventPhase() {
      return this.#state.phase;
    }
    get defaultPrevented() {
      return this.#cancelable && this.#state.prevented;
    }
    get returnValue() {
      return !this.defaultPrevented;
    }
    get timeStamp() {
      return this.#timeStamp;
    }
    get isTrusted() {
      return false;
    }
    composedPath() {
      return this.#state.current === null ? [] : [this.#state.current];
    }
    preventDefault() {
      if (!this.#state.passive) this.#state.prevented = true;
    }
    stopPropagation() {}
    stopImmediatePropagation() {
      this.#state.stopped = true;
    }
    static NONE = 0;
    static CAPTURING_PHASE = 1;
    static AT_TARGET = 2;
    static BUBBLING_PHASE = 3;
  }

  class CustomEvent extends Event {
    #detail;

    constructor(type, options = {}) {
      super(...arguments);
      this.#detail = options?.detail ?? null;
    }

    get detail() {
      return this.#detail;
    }
  }

  class EventTarget {
    #listeners = new Map();

    addEventListener(type, listener, options) {
      if (listener === null || listener === undefined) return;
      if (typeof listener !== "function" && typeof listener !== "object") {
        throw wrongType("listener", "an instance of EventListener", listener);
      }
      const settings = typeof options === "boolean" ? { capture: options } : (options ?? {});
      const { signal } = settings;
      if (signal?.aborted) return;
      const capture = !!settings.capture;
      const known = this.#listeners.get(`${type}`) ?? [];
      if (known.some((entry) => entry.listener === listener && entry.capture === capture)) return;
      const entry = { listener, capture, once: !!settings.once, passive: !!settings.passive };
      this.#listeners.set(`${type}`, [...known, entry]);
      signal?.addEventListener("abort", () => this.#remove(`${type}`, entry), { once: true });
    }

    removeEventListener(type, listener, options) {
      const capture = !!(typeof options === "object" ? options?.capture : options);
      const known = this.#listeners.get(`${type}`) ?? [];
      this.#remove(`${type}`, known.find((entry) => entry.listener === listener && entry.capture === capture));
    }

    dispatchEvent(event) {
      if (!(event instanceof Event)) throw wrongType("event", "an instance of Event", event);
      mark(event, { target: this, current: this, phase: 2 });
      for (const entry of this.#listeners.get(event.type) ?? []) {
        // Another listener may have removed it.
        if (!this.#listeners.get(event.type)?.includes(entry)) continue;
        if (entry.once) this.#remove(event.type, entry);
        mark(event, { passive: entry.passive });
        try {
          if (typeof entry.listener === "function") entry.listener.call(this, event);
          else entry.listener.handleEvent?.(event);
        } catch (error) {
          // Not the dispatcher's: reported as a promise's that nobody awaits.
          Promise.reject(error);
        }
        if (isStopped(event)) break;
      }
      mark(event, { current: null, phase: 0, passive: false });
      return !event.defaultPrevented;
    }

    #remove(type, entry) {
      const left = (this.#listeners.get(type) ?? []).filter((known) => known !== entry);
      this.#listeners.set(type, left);
    }

    [CUSTOM]() {
      return `${this.constructor?.name || "EventTarget"} {}`;
    }
  }

  const handler = (target, type) => {
    const set = new WeakMap();
    Object.defineProperty(target, `on${type}`, {
      get() {
        return set.get(this)?.callback ?? null;
      },
      set(callback) {
        const known = set.get(this);
        if (known !== undefined) this.removeEventListener(type, known.listener);
        set.delete(this);
        if (typeof callback !== "function") return;
        const listener = (event) => callback.call(this, event);
        set.set(this, { callback, listener });
        this.addEventListener(type, listener);
      },
      enumerable: true,
      configurable: true,
    });
  };

  const ours = Symbol("ours");
  let abort;

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason;
    #followers = [];

    static {
      abort = (signal, reason) => {
        if (signal.#aborted) return;
        const all = [signal];
        // All are aborted before any is told.
        for (let i = 0; i < all.length; i++) {
          all[i].#aborted = true;
          all[i].#reason = reason;
          all.push(...all[i].#followers.filter((follower) => !follower.#aborted && !all.includes(follower)));
          all[i].#followers = [];
        }
        for (const each of all) each.dispatchEvent(new Event("abort"));
      };
    }

    constructor(key) {
      if (key !== ours) throw failure(TypeError, "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
      super();
    }

    static abort(reason = new DOMException("This operation was aborted", "AbortError")) {
      const signal = new AbortSignal(ours);
      signal.#aborted = true;
      signal.#reason = reason;
      return signal;
    }

    static timeout(delay) {
      if (typeof delay !== "number") throw wrongType("delay", "of type number", delay);
      if (!(delay >= 0 && delay <= 4294967295)) {
        const message = `The value of "delay" is out of range. It must be >= 0 && <= 4294967295. Received ${delay}`;
        throw failure(RangeError, "ERR_OUT_OF_RANGE", message);
      }
      const signal = new AbortSignal(ours);
      const end = () =>
        abort(signal, new DOMException("The operation was aborted due to timeout", "TimeoutError"));
      internals.native().startTimer(end, delay, false, false);
      return signal;
    }

    static any(signals) {
      if (signals === null || typeof signals !== "object" || typeof signals[Symbol.iterator] !== "function") {
        throw wrongType("signals", "an instance of Array", signals);
      }
      const all = [...signals];
      all.forEach((signal, index) => {
        if (!(signal instanceof AbortSignal)) {
          throw wrongType(`signals[${index}]`, "an instance of AbortSignal", signal);
        }
      });
      const signal = new AbortSignal(ours);
      const aborted = all.find((source) => source.#aborted);
      if (aborted !== undefined) {
        signal.#aborted = true;
        signal.#reason = aborted.#reason;
      } else {
        for (const source of all) source.#followers.push(signal);
      }
      return signal;
    }

    get aborted() {
      return this.#aborted;
    }

    get reason() {
      return this.#reason;
    }

    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }

    [CUSTOM]() {
      return `AbortSignal { aborted: ${this.#aborted} }`;
    }
  }
  handler(AbortSignal.prototype, "abort");

  class AbortController {
    #signal = new AbortSignal(ours);

    get signal() {
      return this.#signal;
    }

    abort(reason = new DOMException("This operation was aborted", "AbortError")) {
      abort(this.#signal, reason);
    }

    [CUSTOM]() {
      return `AbortController { signal: ${inspect(this.#signal)} }`;
    }
  }

  const kinds = { __proto__: null, AbortController, AbortSignal, CustomEvent, Event, EventTarget };
  for (const name of Object.keys(kinds)) {
    const { prototype } = kinds[name];
    Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  }
  return kinds;
});
