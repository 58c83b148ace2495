// Values that programs of a session store for later ones.
(function (internals) {
  "use strict";

  const { askOfStore } = internals;

  // Stores a value under a key, in place of what was there.
  const store = async (key, value) => {
    if (value === undefined) {
      throw new TypeError("store takes a key and a value: store(\"cursor\", value); store.delete(key) deletes one");
    }
    await askOfStore("store", { key, value });
  };
  // What is stored, in the order of the keys.
  store.keys = () => askOfStore("store", { wants: "keys" });
  // Whether there was something.
  store.delete = (key) => askOfStore("store", { wants: "delete", key });

  // What is stored under a key; else the second argument, if there is one.
  const load = async (key, ...otherwise) => {
    if (otherwise.length === 0) return askOfStore("load", { key });
    const found = await askOfStore("load", { key, wants: "if_stored" });
    return found.length > 0 ? found[0] : otherwise[0];
  };

  return { __proto__: null, load, store };
});
