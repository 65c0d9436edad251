//! What keeps a task from being run once more each time it waits.

use std::{
    cell::Cell,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use spin_sdk::wit_bindgen;

/// A future beside the one that does a task's work. It does nothing, until it is ended.
///
/// wit-bindgen polls a task's futures with `FuturesUnordered`, which yields when it has polled all of them and none is
/// ready. A task that consists of one future would thus yield whenever it waits: the host runs other tasks, then this one
/// again, which finds nothing to do. A future that has been polled, and has no reason to be polled again, prevents that.
pub(crate) struct Companion(Rc<State>);

#[derive(Default)]
struct State {
    has_ended: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Companion {
    /// Spawns it in the current task.
    pub(crate) fn spawn() -> Self {
        let state = Rc::<State>::default();
        let waiting = Rc::clone(&state);
        wit_bindgen::spawn(poll_fn(move |context| {
            if waiting.has_ended.get() {
                return Poll::Ready(());
            }
            waiting.waker.set(Some(context.waker().clone()));
            Poll::Pending
        }));
        Self(state)
    }

    /// Ends it, without which the task would not end. Not done when it is dropped, because a task that was cancelled drops
    /// its futures when nothing may be woken any more.
    pub(crate) fn end(self) {
        self.0.has_ended.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}
