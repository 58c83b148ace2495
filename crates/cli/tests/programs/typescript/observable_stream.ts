interface Observer<T> {
  next(value: T): void;
  complete?(): void;
}
class Observable<T> {
  constructor(
    private readonly subscriber: (o: Observer<T>) => void | (() => void),
  ) {}
  static of<T>(...items: T[]): Observable<T> {
    return new Observable((o) => {
      items.forEach((i) => o.next(i));
      o.complete?.();
    });
  }
  map<U>(f: (t: T) => U): Observable<U> {
    return new Observable((o) =>
      this.subscribe({
        next: (v) => o.next(f(v)),
        complete: () => o.complete?.(),
      }),
    );
  }
  filter(p: (t: T) => boolean): Observable<T> {
    return new Observable((o) =>
      this.subscribe({
        next: (v) => {
          if (p(v)) o.next(v);
        },
        complete: () => o.complete?.(),
      }),
    );
  }
  scan<A>(f: (acc: A, t: T) => A, seed: A): Observable<A> {
    return new Observable((o) => {
      let acc = seed;
      return this.subscribe({
        next: (v) => o.next((acc = f(acc, v))),
        complete: () => o.complete?.(),
      });
    });
  }
  subscribe(o: Observer<T>): () => void {
    return this.subscriber(o) ?? (() => {});
  }
}
const out: number[] = [];
Observable.of(1, 2, 3, 4, 5)
  .filter((n) => n % 2 === 1)
  .map((n) => n * n)
  .scan((a, n) => a + n, 0)
  .subscribe({
    next: (n) => out.push(n),
    complete: () => console.log("complete", out),
  });
