//! Batches drawn ahead of the step that uses them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::TrainError;

/// Where batches come from.
///
/// `draw` must be a pure function of `step` (and of the source's own seed): that is what makes a resumed run equal
/// to one that was never stopped.
pub trait BatchSource: Send + Sync + 'static {
    /// What one training step sees.
    type Batch: Send + 'static;
    /// The batch of global step `step`.
    ///
    /// # Errors
    /// When what the batch is made of cannot be read.
    fn draw(&self, step: u64) -> Result<Self::Batch, TrainError>;
}

/// Draws the batches of `steps` in order on a thread of its own, at most `ahead` of them before they are asked for.
pub struct Loader<B> {
    batches: Option<Receiver<Result<B, TrainError>>>,
    thread: Option<JoinHandle<()>>,
}

impl<B: Send + 'static> Loader<B> {
    /// Starts drawing.
    pub fn start<S: BatchSource<Batch = B>>(source: Arc<S>, steps: Range<u64>, ahead: usize) -> Self {
        let (sender, batches) = sync_channel(ahead);
        let thread = std::thread::spawn(move || {
            for step in steps {
                let batch = source.draw(step);
                let failed = batch.is_err();
                // the receiver is gone when training stopped early: nothing to report
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        Self { batches: Some(batches), thread: Some(thread) }
    }
}

impl<B> Iterator for Loader<B> {
    type Item = Result<B, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.batches.as_ref()?.recv() {
            Ok(batch) => Some(batch),
            Err(_) => {
                // all sent, or the thread died: a panic over there is a bug of ours and must not look like the end
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    std::panic::resume_unwind(panic);
                }
                None
            }
        }
    }
}

impl<B> Drop for Loader<B> {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // a panic while unwinding would abort; the one that matters was passed on in next()
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Squares;
    impl BatchSource for Squares {
        type Batch = u64;
        fn draw(&self, step: u64) -> Result<u64, TrainError> {
            if step == 13 {
                return Err(TrainError::Task("thirteen".into()));
            }
            Ok(step * step)
        }
    }

    #[test]
    fn batches_come_in_order_and_an_error_ends_them() {
        let drawn: Vec<u64> = Loader::start(Arc::new(Squares), 3..9, 2).map(|b| b.expect("no 13")).collect();
        assert_eq!(drawn, [9, 16, 25, 36, 49, 64]);
        let mut until_error = Loader::start(Arc::new(Squares), 12..99, 1);
        assert!(matches!(until_error.next(), Some(Ok(144))));
        assert!(matches!(until_error.next(), Some(Err(_))));
        assert!(until_error.next().is_none());
    }

    #[test]
    fn dropping_a_loader_stops_its_thread() {
        let mut endless = Loader::start(Arc::new(Squares), 14..u64::MAX / 1_000_000_000_000, 1);
        assert!(endless.next().is_some());
        drop(endless);
    }
}
