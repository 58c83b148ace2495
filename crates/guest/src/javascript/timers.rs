//! `setTimeout` and its like.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rquickjs::{Function, Result};

/// The longest delay there is, as in browsers and Node.
const MAX_DELAY_MS: f64 = i32::MAX as f64;

/// What is to be called when. Timers due at the same time run in the order in which they were set.
#[derive(Default)]
pub(super) struct Timers<'js> {
    queue: RefCell<BTreeMap<(Instant, u32), Timer<'js>>>,
    due: RefCell<HashMap<u32, Instant>>,
    last_id: Cell<u32>,
}

struct Timer<'js> {
    callback: Function<'js>,
    every: Option<Duration>,
    awaited: bool,
}

impl<'js> Timers<'js> {
    /// Nobody who sets a timer that is not `awaited` means the program to go on for it.
    pub(super) fn start(
        &self,
        callback: Function<'js>,
        delay_ms: f64,
        repeats: bool,
        awaited: bool,
    ) -> u32 {
        let delay = Duration::from_secs_f64(delay_ms.clamp(0.0, MAX_DELAY_MS) / 1000.0);
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        let timer = Timer {
            callback,
            every: repeats.then(|| delay.max(Duration::from_millis(1))),
            awaited,
        };
        self.enqueue(id, timer, delay);
        id
    }

    pub(super) fn stop(&self, id: u32) {
        if let Some(due) = self.due.borrow_mut().remove(&id) {
            self.queue.borrow_mut().remove(&(due, id));
        }
    }

    /// Whether a timer is set of which the program expected something.
    pub(super) fn any_awaited(&self) -> bool {
        self.queue.borrow().values().any(|timer| timer.awaited)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let queue = self.queue.borrow();
        queue.first_key_value().map(|((due, _), _)| *due)
    }

    /// Calls the first timer, if it is due.
    ///
    /// # Errors
    /// What its function threw.
    pub(super) fn run_next(&self) -> Result<()> {
        if self.next_due().is_none_or(|due| due > Instant::now()) {
            return Ok(());
        }
        let first = self.queue.borrow_mut().pop_first();
        let Some(((_, id), timer)) = first else {
            return Ok(());
        };
        self.due.borrow_mut().remove(&id);
        let callback = timer.callback.clone();
        // Back in the queue before it runs, so that it can stop itself.
        if let Some(every) = timer.every {
            self.enqueue(id, timer, every);
        }
        callback.call(())
    }

    fn enqueue(&self, id: u32, timer: Timer<'js>, delay: Duration) {
        let due = Instant::now() + delay;
        self.due.borrow_mut().insert(id, due);
        self.queue.borrow_mut().insert((due, id), timer);
    }
}
