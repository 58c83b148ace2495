type State = "idle" | "loading" | "done" | "failed";
type Event = "start" | "finish" | "fail" | "reset";
const transitions: Readonly<Record<State, Partial<Record<Event, State>>>> = {
  idle: { start: "loading" },
  loading: { finish: "done", fail: "failed" },
  done: { reset: "idle" },
  failed: { reset: "idle", start: "loading" },
};
class Machine {
  readonly trail: State[] = [];
  constructor(private state: State = "idle") {
    this.trail.push(state);
  }
  send(event: Event): boolean {
    const next = transitions[this.state][event];
    if (!next) return false;
    this.trail.push((this.state = next));
    return true;
  }
}
const machine = new Machine();
const sent = (["start", "reset", "fail", "start", "finish"] as Event[]).map(
  (e) => machine.send(e),
);
console.log(sent, machine.trail.join(" > "));
