type Shape =
  | { kind: "circle"; r: number }
  | { kind: "rect"; w: number; h: number }
  | { kind: "poly"; points: [number, number][] };
function area(s: Shape): number {
  switch (s.kind) {
    case "circle":
      return Math.PI * s.r ** 2;
    case "rect":
      return s.w * s.h;
    case "poly": {
      let sum = 0;
      for (let i = 0; i < s.points.length; i++) {
        const [x1, y1] = s.points[i]!,
          [x2, y2] = s.points[(i + 1) % s.points.length]!;
        sum += x1 * y2 - x2 * y1;
      }
      return Math.abs(sum) / 2;
    }
    default: {
      const never: never = s;
      throw new Error(`no shape ${JSON.stringify(never)}`);
    }
  }
}
const shapes: Shape[] = [
  { kind: "circle", r: 1 },
  { kind: "rect", w: 2, h: 3.5 },
  {
    kind: "poly",
    points: [
      [0, 0],
      [4, 0],
      [4, 3],
    ],
  },
];
for (const s of shapes) console.log(s.kind, area(s).toFixed(3));
try {
  area({ kind: "blob" } as unknown as Shape);
} catch (e) {
  console.log((e as Error).message);
}
