//! What the tasks of an instance know of each other, and how one makes room for the others.
//!
//! The host runs an instance in a loop, on one of several threads. In each turn it completes at most one piece of its own
//! work, and then runs every task that has something to do. A task that has yielded runs when no other has anything to
//! do, and the thread may do other things first.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    thread::LocalKey,
};

use spin_sdk::{
    wasip3::wit_stream,
    wit_bindgen::{self, StreamReader, StreamWriter},
};

use crate::companion::Companion;

/// For how many turns a task waits until no other one runs. Each costs as much as some five calls of the host.
const MAX_QUIET_TURNS: usize = 4;

thread_local! {
    /// Requests that are being answered.
    static REQUESTS: Cell<usize> = const { Cell::new(0) };
    /// How often their work was polled.
    static RUNS: Cell<usize> = const { Cell::new(0) };
    /// The companion of the task that runs.
    static CURRENT: RefCell<Option<Companion>> = const { RefCell::new(None) };
    /// Whether a future was spawned while another one was polled.
    static HAS_SPAWNED: Cell<bool> = const { Cell::new(false) };
    /// Tasks that have yielded here.
    static YIELDING: Cell<usize> = const { Cell::new(0) };
    /// How often a call of the store may have blocked the thread.
    static STORE_CALLS: Cell<usize> = const { Cell::new(0) };
    /// A stream for [`turn`] that nobody uses just now: making one takes three calls of the host.
    static STREAM: Cell<Option<(StreamWriter<u8>, StreamReader<u8>)>> = const { Cell::new(None) };
}

/// Counts one more, until it is dropped.
pub(crate) struct Counted(&'static LocalKey<Cell<usize>>);

impl Counted {
    pub(crate) fn by(counter: &'static LocalKey<Cell<usize>>) -> Self {
        counter.set(counter.get().saturating_add(1));
        Self(counter)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Answers a request with `work`.
pub(crate) async fn request<T>(mut work: Pin<Box<dyn Future<Output = T> + '_>>) -> T {
    let companion = Companion::spawn();
    let _request = Counted::by(&REQUESTS);
    // A task's first two waits yield in any case: before its companion is polled, and when it is. Others can see this one.
    yield_now().await;
    let answer = poll_fn(|context| {
        increment(&RUNS);
        poll(work.as_mut(), &companion, context)
    })
    .await;
    companion.release();
    answer
}

/// Runs `work` in the current task, which goes on until it is done.
pub(crate) fn spawn(work: impl Future<Output = ()> + 'static) {
    spawn_boxed(Box::pin(work));
}

/// Not generic, because each copy of it would take 2 kB.
pub(crate) fn spawn_boxed(mut work: Pin<Box<dyn Future<Output = ()>>>) {
    let companion = CURRENT.with_borrow(Option::clone).unwrap_or_else(Companion::spawn);
    HAS_SPAWNED.set(true);
    wit_bindgen::spawn(async move {
        poll_fn(|context| poll(work.as_mut(), &companion, context)).await;
        companion.release();
    });
}

/// Polls a task's work. wit-bindgen would poll what that spawns only after the next event, which may depend on it.
fn poll<F: Future + ?Sized>(work: Pin<&mut F>, companion: &Companion, context: &mut Context<'_>) -> Poll<F::Output> {
    CURRENT.set(Some(companion.clone()));
    let polled = work.poll(context);
    CURRENT.set(None);
    if HAS_SPAWNED.replace(false) && polled.is_pending() {
        context.waker().wake_by_ref();
    }
    polled
}

/// Notes that the store is about to be called: SQLite blocks the thread.
pub(crate) fn note_store_call() {
    increment(&STORE_CALLS);
}

/// How often the store may have blocked the thread.
pub(crate) fn store_calls() -> usize {
    STORE_CALLS.get()
}

/// Yields to the host.
pub(crate) async fn yield_now() {
    let _yielding = Counted::by(&YIELDING);
    // wit-bindgen polls a future that has yielded once more before it believes it, unless it is the only one.
    wit_bindgen::yield_async().await;
    wit_bindgen::yield_async().await;
}

/// Whether another task has yielded, so that the host may soon do something other than run this instance.
pub(crate) fn is_yielding() -> bool {
    YIELDING.get() > 0
}

/// Waits until no other request's task runs, or for [`MAX_QUIET_TURNS`].
pub(crate) async fn quiet() {
    for _ in 0..MAX_QUIET_TURNS {
        if REQUESTS.get() <= 1 {
            return;
        }
        let runs = RUNS.get();
        turn().await;
        // This one ran.
        if RUNS.get() == runs.wrapping_add(1) {
            return;
        }
    }
}

/// Lets the host do one turn of its loop, unless another future of this task has just been woken. Tasks that have yielded do
/// not run as long as one waits, as here, for an event that has already happened.
pub(crate) fn turn() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async {
        let (mut writer, mut reader) = STREAM.take().unwrap_or_else(wit_stream::new);
        {
            let mut reading = pin!(reader.read(Vec::with_capacity(1)));
            if poll_once(reading.as_mut()).await.is_pending() {
                // Taken at once, since a reader waits for it.
                let _ = writer.write(vec![0]).await;
                reading.await;
            }
        }
        STREAM.set(Some((writer, reader)));
    })
}

/// Polls `future` once, even if it is not ready.
pub(crate) async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

fn increment(counter: &'static LocalKey<Cell<usize>>) {
    counter.set(counter.get().wrapping_add(1));
}
