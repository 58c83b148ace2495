//! The whole of what a program prints, once that is more than is kept in memory.
//!
//! It is written while it is read, off the gateway's thread, into a text of the session's results; a
//! program that prints faster than that waits for its pipe.

use std::sync::Arc;

use results::{Error, Kept, Results};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::guests::START;
use crate::output::Handle;

/// Pieces that wait to be written. When there are as many, nothing more is read.
const QUEUE: usize = 16;

/// A text that is being written.
pub(crate) struct Spill {
    queue: mpsc::Sender<Vec<u8>>,
    writing: JoinHandle<Result<Kept, Error>>,
    /// What came when nobody could wait for the queue.
    late: Vec<Vec<u8>>,
}

impl Spill {
    /// Begins with what was printed so far.
    pub(crate) fn begin(results: Arc<Results>, first: Vec<u8>) -> Spill {
        let (queue, mut pieces) = mpsc::channel::<Vec<u8>>(QUEUE);
        let writing = tokio::task::spawn_blocking(move || {
            let mut draft = results.begin_text()?;
            draft.write(&first)?;
            drop(first);
            while let Some(piece) = pieces.blocking_recv() {
                draft.write(&piece)?;
            }
            results.finish_text(draft)
        });
        Spill {
            queue,
            writing,
            late: Vec::new(),
        }
    }

    /// Waits until one more piece may come. Dropping this loses nothing.
    pub(crate) async fn ready(&self) {
        // Only one side puts pieces in, so that what is free stays free. A writer that has failed
        // says why at the end.
        let _ = self.queue.reserve().await;
    }

    pub(crate) fn write(&mut self, piece: &[u8]) {
        if self.queue.is_closed() {
            return;
        }
        if !self.late.is_empty() {
            self.late.push(piece.to_vec());
        } else if let Err(mpsc::error::TrySendError::Full(piece)) =
            self.queue.try_send(piece.to_vec())
        {
            self.late.push(piece);
        }
    }

    /// Waits until all is written.
    pub(crate) async fn end(self) -> Handle {
        let Spill {
            queue,
            writing,
            late,
        } = self;
        let ended = timeout(START, async {
            for piece in late {
                let _ = queue.send(piece).await;
            }
            drop(queue);
            writing.await
        });
        match ended.await {
            Ok(Ok(Ok(kept))) => Handle::Kept(kept.id()),
            Ok(Ok(Err(error))) => Handle::Refused(error.to_string()),
            Ok(Err(_)) => Handle::Refused("keeping it failed, which is a fault of toolmill".into()),
            Err(_) => Handle::Refused(format!("keeping it took longer than {} s", START.as_secs())),
        }
    }
}
