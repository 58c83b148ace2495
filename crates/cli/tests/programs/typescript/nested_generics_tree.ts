interface TreeNode<T> {
  value: T;
  children?: TreeNode<T>[];
}
const tree: TreeNode<number> = {
  value: 1,
  children: [{ value: 2, children: [{ value: 4 }] }, { value: 3 }],
};
const map = <A, B>(
  node: TreeNode<A>,
  f: (a: A, depth: number) => B,
  depth = 0,
): TreeNode<B> => ({
  value: f(node.value, depth),
  ...(node.children && {
    children: node.children.map((c) => map(c, f, depth + 1)),
  }),
});
const fold = <T, R>(node: TreeNode<T>, f: (value: T, children: R[]) => R): R =>
  f(
    node.value,
    (node.children ?? []).map((c) => fold(c, f)),
  );
console.log(
  fold(tree, (v, cs: number[]) => v + cs.reduce((a, b) => a + b, 0)),
  fold(tree, (_, cs: number[]) => 1 + Math.max(0, ...cs)),
);
console.log(
  fold(
    map(tree, (v, d) => `${"  ".repeat(d)}- ${v}`),
    (v, cs: string[]) => [v, ...cs].join("\n"),
  ),
);
