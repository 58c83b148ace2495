import type { Something } from "somewhere";
type Local = { a: number };
export type { Local };
export interface Shown {
  b: string;
}
export const shown: Shown = { b: "exported" };
const local: Local & Partial<Something> = { a: 1 };
declare const ambient: string;
declare function nowhere(): void;
console.log(local.a, shown.b, typeof (globalThis as any).ambient);
export default local;
