//! When a message is handed over to the host, so that its head and its body leave in one packet.
//!
//! The host attaches the body's reader after the handover, and reads it in its next turn or a later one. If it sends the
//! head first, the body follows alone, and waits some 40 ms for the other side to acknowledge the head. That happens if
//! another thread gets to send: after a yield, if two messages are handed over at once, or where the store has blocked
//! the thread.

use std::{cell::Cell, rc::Rc};

use crate::scheduling::{Counted, is_yielding, quiet, spawn, store_calls, turn, yield_now};

/// How often a task tries to find its instance on a thread that the store has not blocked, before a handover. Other tasks
/// may call the store each time, and that must not keep a message back.
const MAX_ATTEMPTS: usize = 3;

/// For how many turns of the host's loop a task holds back what could separate another one's body from its head. The host
/// reads the body within two or three, of some microseconds each.
const MAX_TURNS: usize = 8;

thread_local! {
    /// Bodies that were handed over, and of which the host has read nothing yet.
    static UNREAD: Cell<usize> = const { Cell::new(0) };
    /// [`store_calls`] before the last yield.
    static STORE_CALLS_BEFORE: Cell<usize> = const { Cell::new(0) };
}

/// The handover of a message.
pub(crate) struct Handover(Rc<Body>);

/// Kept by whoever writes the message's body, and dropped when the host has read its first piece.
pub(crate) struct AwaitedReader(Rc<Body>);

#[derive(Default)]
struct Body {
    /// Also if there is nothing to read.
    is_read: Cell<bool>,
    /// Whether it counts as [`UNREAD`].
    counted: Cell<Option<Counted>>,
}

impl Handover {
    /// `has_begun` says whether the body's first piece is there, so that it can leave with the head.
    pub(crate) fn new(has_begun: bool) -> (Self, AwaitedReader) {
        let body = Rc::new(Body { is_read: Cell::new(!has_begun), ..Body::default() });
        (Self(Rc::clone(&body)), AwaitedReader(body))
    }

    /// Whether the body's first piece is there.
    pub(crate) fn has_begun(&self) -> bool {
        !self.0.is_read.get()
    }

    /// Waits for a good moment. The message must be handed over at once afterwards.
    pub(crate) async fn begin(&self) {
        let_bodies_be_read().await;
        if self.0.is_read.get() {
            return;
        }
        for _ in 0..MAX_ATTEMPTS {
            let calls = store_calls();
            if calls == STORE_CALLS_BEFORE.get() {
                break;
            }
            // The host skips a yield that follows the start of another request.
            yield_now().await;
            yield_now().await;
            STORE_CALLS_BEFORE.set(calls);
            quiet().await;
            let_bodies_be_read().await;
        }
        self.0.counted.set(Some(Counted::by(&UNREAD)));
    }

    /// Keeps tasks that have yielded from running before the host has read the body.
    pub(crate) fn keep_others_waiting(self) {
        if !self.is_at_risk() {
            return;
        }
        spawn(async move {
            for _ in 0..MAX_TURNS {
                turn().await;
                if !self.is_at_risk() {
                    return;
                }
            }
        });
    }

    fn is_at_risk(&self) -> bool {
        is_yielding() && !self.0.is_read.get()
    }
}

impl Drop for AwaitedReader {
    fn drop(&mut self) {
        self.0.is_read.set(true);
        self.0.counted.set(None);
    }
}

/// Waits until the host has read the bodies that other tasks have handed over.
pub(crate) async fn let_bodies_be_read() {
    for _ in 0..MAX_TURNS {
        if UNREAD.get() == 0 {
            return;
        }
        turn().await;
    }
}
