class LRU<K, V> {
  #map = new Map<K, V>();
  hits = 0;
  misses = 0;
  constructor(readonly capacity: number) {}
  get(key: K, make: (key: K) => V): V {
    if (this.#map.has(key)) {
      this.hits++;
      const value = this.#map.get(key)!;
      this.#map.delete(key);
      this.#map.set(key, value);
      return value;
    }
    this.misses++;
    const value = make(key);
    this.#map.set(key, value);
    if (this.#map.size > this.capacity)
      this.#map.delete(this.#map.keys().next().value as K);
    return value;
  }
  keys(): K[] {
    return [...this.#map.keys()];
  }
}
const cache = new LRU<number, string>(2);
const seen = [1, 2, 1, 3, 2].map((n) => cache.get(n, (k) => `v${k}`));
console.log(seen, cache.keys(), cache.hits, cache.misses);
