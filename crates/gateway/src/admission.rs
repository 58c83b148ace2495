//! How many programs run at once, and who waits.
//!
//! A program that waits for its calls uses no core. So two things are counted: the programs that there
//! are, which memory bounds, and those of them that run, which the cores bound. A program whose calls
//! are open and which computes nothing gives its place among the latter back, and has it again before
//! it is given a reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::{ErrorCode, ProgramError};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits::Limits;

/// Programs that run at once, for each core: enough to use it while others are between two calls.
const A_CORE: usize = 4;

pub(crate) struct Admission {
    all: Arc<Semaphore>,
    running: Arc<Semaphore>,
    may_run: usize,
    waiting: AtomicUsize,
}

/// A program's place. Dropping it gives it to the next.
pub(crate) struct Place {
    _one_of_all: OwnedSemaphorePermit,
    running: Arc<Semaphore>,
    /// None while the program only waits.
    one_running: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Admission {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let may_run = (A_CORE * cores).min(limits.executions);
        Admission {
            all: Arc::new(Semaphore::new(limits.executions)),
            running: Arc::new(Semaphore::new(may_run)),
            may_run,
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether no more than one program runs.
    pub(crate) fn one_runs(&self) -> bool {
        self.running.available_permits() + 1 >= self.may_run
    }

    /// Waits for a place. Dropping this leaves the queue.
    ///
    /// # Errors
    /// Too many wait already, or no place came free in time.
    pub(crate) async fn enter(&self, limits: &Limits) -> Result<Place, ProgramError> {
        let busy =
            |why: String| ProgramError::new(ErrorCode::Busy, format!("{why}; try again later"));
        let both = async {
            Some(Place {
                _one_of_all: self.all.clone().acquire_owned().await.ok()?,
                one_running: Mutex::new(Some(self.running.clone().acquire_owned().await.ok()?)),
                running: self.running.clone(),
            })
        };
        tokio::pin!(both);
        // Whoever finds one free has not waited.
        let at_once = tokio::select! {
            biased;
            place = both.as_mut() => place,
            () = std::future::ready(()) => None,
        };
        if let Some(place) = at_once {
            return Ok(place);
        }
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= limits.waiting {
            return Err(busy(format!("{} runs are waiting already", limits.waiting)));
        }
        let place = timeout(limits.waiting_time, both).await;
        drop(waiting);
        match place {
            Ok(Some(place)) => Ok(place),
            _ => Err(busy(format!(
                "no place came free within {} s",
                limits.waiting_time.as_secs()
            ))),
        }
    }
}

impl Place {
    /// The program computes nothing and waits for its calls: another may run meanwhile.
    pub(crate) fn park(&self) {
        // Whoever holds the lock is about to run.
        if let Ok(mut one_running) = self.one_running.try_lock() {
            *one_running = None;
        }
    }

    /// The program computes although it has given its place back, while a call of its is open: it has
    /// a place again as soon as there is one, so that nobody else begins meanwhile.
    pub(crate) fn take_up(&self) {
        if let Ok(mut one_running) = self.one_running.try_lock()
            && one_running.is_none()
        {
            *one_running = self.running.clone().try_acquire_owned().ok();
        }
    }

    /// Waits until the program may run again.
    pub(crate) async fn resume(&self) {
        let mut one_running = self.one_running.lock().await;
        if one_running.is_none() {
            // It is never closed.
            *one_running = self.running.clone().acquire_owned().await.ok();
        }
    }
}

/// One of those who wait; leaves the queue when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_only_waits_lets_another_run() {
        let limits = Limits {
            executions: 3,
            waiting_time: std::time::Duration::from_millis(10),
            ..Limits::default()
        };
        let admission = Admission {
            running: Arc::new(Semaphore::new(1)),
            may_run: 1,
            ..Admission::new(&limits)
        };
        let first = admission.enter(&limits).await.unwrap();
        assert!(admission.one_runs());
        let refused = admission.enter(&limits).await.err().unwrap();
        assert_eq!(refused.code, ErrorCode::Busy);
        first.park();
        let second = admission.enter(&limits).await.unwrap();
        // The first has a reply, and waits for the second to end or to wait.
        let mut resumed = std::pin::pin!(first.resume());
        let soon = timeout(std::time::Duration::from_millis(10), resumed.as_mut());
        assert!(soon.await.is_err());
        second.park();
        resumed.await;
        // Who computes after all has a place again, if there is one.
        second.take_up();
        first.park();
        second.take_up();
        assert!(admission.running.available_permits() == 0);
        second.park();
        // A place among all is kept by those who wait.
        let third = admission.enter(&limits).await.unwrap();
        third.park();
        assert!(admission.enter(&limits).await.is_err());
        drop(second);
        assert!(admission.enter(&limits).await.is_ok());
        assert_eq!(admission.waiting.load(Ordering::Relaxed), 0);
    }
}
