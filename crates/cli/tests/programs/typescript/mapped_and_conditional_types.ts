type Getters<T> = {
  [K in keyof T as `get${Capitalize<string & K>}`]: () => T[K];
};
type Unwrap<T> = T extends Promise<infer U> ? U : T;
type DeepPartial<T> = {
  [K in keyof T]?: T[K] extends object ? DeepPartial<T[K]> : T[K];
};
interface Settings {
  host: string;
  tls: { on: boolean; port: number };
}
function getters<T extends object>(source: T): Getters<T> {
  const out = {} as Record<string, unknown>;
  for (const key of Object.keys(source) as (keyof T & string)[]) {
    out[`get${key[0]!.toUpperCase()}${key.slice(1)}`] = () => source[key];
  }
  return out as Getters<T>;
}
function merge<T extends object>(base: T, patch: DeepPartial<T>): T {
  const out: any = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    out[key] =
      value && typeof value === "object"
        ? merge((base as any)[key], value as any)
        : value;
  }
  return out;
}
const settings: Settings = { host: "a", tls: { on: false, port: 1 } };
const g = getters(settings);
console.log(
  g.getHost(),
  g.getTls().port,
  merge(settings, { tls: { on: true } }),
);
const x: Unwrap<Promise<number>> = await Promise.resolve(5);
console.log(x);
