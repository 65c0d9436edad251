//! What keeps a task from being run once more each time it waits.

use std::{
    cell::Cell,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use spin_sdk::wit_bindgen;

/// A second future in a task, which does nothing until all of its clones are released.
///
/// wit-bindgen polls a task's futures with `FuturesUnordered`, which yields when it has polled all of them and none is
/// ready. A task that consists of one future would thus yield whenever it waits: the host runs other tasks, then this one
/// again, which finds nothing to do. A future that has been polled, and has no reason to be polled again, prevents that.
#[derive(Clone)]
pub(crate) struct Companion(Rc<Cell<Option<Waker>>>);

impl Companion {
    /// Spawns it in the current task.
    pub(crate) fn spawn() -> Self {
        let waker = Rc::<Cell<Option<Waker>>>::default();
        let waiting = Rc::downgrade(&waker);
        wit_bindgen::spawn(poll_fn(move |context| match waiting.upgrade() {
            Some(waker) => {
                waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
            None => Poll::Ready(()),
        }));
        Self(waker)
    }

    /// Ends it if this is its last clone, without which the task would not end. Not done when it is dropped, because a task
    /// that was cancelled drops its futures when nothing may be woken any more.
    pub(crate) fn release(self) {
        if let Some(waker) = Rc::into_inner(self.0).and_then(Cell::into_inner) {
            waker.wake();
        }
    }
}
