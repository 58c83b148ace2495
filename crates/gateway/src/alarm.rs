//! A deadline that every call of a program moves, most often to later.
//!
//! Setting a timer takes longer than looking at the clock, so it is set anew only when it has to ring
//! earlier than it is set for, and when it has rung too early.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// When an alarm without a time looks whether it has one.
const NEVER: Duration = Duration::from_secs(3600);

/// Rings at a time that may be moved.
pub(crate) struct Alarm {
    timer: Pin<Box<Sleep>>,
    at: Option<Instant>,
}

impl Alarm {
    pub(crate) fn new(at: Instant) -> Alarm {
        Alarm {
            timer: Box::pin(sleep_until(at)),
            at: Some(at),
        }
    }

    /// Has it ring then, or never as long as nothing else is said.
    pub(crate) fn ring_at(&mut self, at: Option<Instant>) {
        self.at = at;
        if let Some(at) = at.filter(|at| *at < self.timer.deadline()) {
            self.timer.as_mut().reset(at);
        }
    }
}

impl Future for Alarm {
    /// When it rang.
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Instant> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            let now = Instant::now();
            match self.at {
                Some(at) if at <= now => return Poll::Ready(now),
                Some(at) => self.timer.as_mut().reset(at),
                None => self.timer.as_mut().reset(now + NEVER),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_last_time_it_was_given() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut alarm = Alarm::new(at(10));
        for (moved, rings) in [
            (Some(at(5)), at(5)),
            (Some(at(20)), at(20)),
            (Some(at(19)), at(20)),
            (Some(at(100_000)), at(100_000)),
        ] {
            alarm.ring_at(moved);
            assert_eq!((&mut alarm).await, rings);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_ring_without_a_time() {
        let begun = Instant::now();
        let mut alarm = Alarm::new(begun + Duration::from_secs(1));
        alarm.ring_at(None);
        assert!(timeout(3 * NEVER, &mut alarm).await.is_err());
        let soon = Instant::now() + Duration::from_secs(1);
        alarm.ring_at(Some(soon));
        assert_eq!((&mut alarm).await, soon);
    }
}
