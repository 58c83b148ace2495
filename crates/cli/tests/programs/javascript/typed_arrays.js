const bytes = new Uint8Array([1, 2, 300, -1]);
console.log([...bytes], bytes.byteLength);
const view = new DataView(new ArrayBuffer(8));
view.setUint16(0, 0xbeef);
view.setFloat32(4, 1.5, true);
console.log(
  view.getUint8(0).toString(16),
  view.getUint16(0, true).toString(16),
  view.getFloat32(4, true),
);
const floats = Float64Array.from({ length: 5 }, (_, i) => i / 2);
console.log(
  floats.map((x) => x * 2).join(),
  floats.subarray(1, 3).length,
  floats.at(-1),
);
const clamped = Uint8ClampedArray.of(-5, 300, 127.6);
console.log(Array.from(clamped));
const shared = new Uint32Array(new Uint8Array([1, 0, 0, 0, 2, 0, 0, 0]).buffer);
console.log(shared[0] + shared[1], new Int16Array(3).fill(7).indexOf(7));
const big = new BigInt64Array([2n ** 63n - 1n]);
big[0]++;
console.log(String(big[0]));
