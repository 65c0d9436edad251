//! Time that does not pass while any task can continue, and then leaps to the end of the shortest wait.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{FutureExt, executor::LocalPool, future::LocalBoxFuture, task::LocalSpawnExt};

/// The clocks of a scripted host, and its tasks in the background.
pub(crate) struct VirtualTime {
    /// The wall clock, in seconds since 1970.
    pub(crate) now: Cell<u64>,
    elapsed: Cell<Duration>,
    timers: RefCell<Vec<(Duration, Weak<()>, Waker)>>,
    spawned: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
}

impl VirtualTime {
    pub(crate) fn from(now: u64) -> Rc<Self> {
        let (timers, spawned) = (RefCell::default(), RefCell::default());
        Rc::new(Self { now: Cell::new(now), elapsed: Cell::default(), timers, spawned })
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }

    pub(crate) fn pass(&self, duration: Duration) {
        let before = self.elapsed.get();
        self.elapsed.set(before + duration);
        self.now.set(self.now.get() + self.elapsed.get().as_secs() - before.as_secs());
    }

    pub(crate) fn sleep(self: &Rc<Self>, duration: Duration) -> impl Future<Output = ()> + use<> {
        Timer { at: self.elapsed.get() + duration, time: Rc::clone(self), alive: Rc::default() }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.spawned.borrow_mut().push(Box::pin(task));
    }

    /// Runs these at the same time, and whatever they spawn.
    pub(crate) fn run<T: 'static>(&self, tasks: Vec<LocalBoxFuture<'static, T>>) -> Vec<T> {
        let mut pool = LocalPool::new();
        let spawner = pool.spawner();
        let tasks: Vec<_> = tasks.into_iter().map(|task| spawner.spawn_local_with_handle(task).unwrap()).collect();
        loop {
            pool.run_until_stalled();
            let spawned = self.spawned.take();
            if !spawned.is_empty() {
                spawned.into_iter().for_each(|task| spawner.spawn_local(task).unwrap());
            } else if !self.leap() {
                break;
            }
        }
        tasks.into_iter().map(|task| task.now_or_never().expect("a request was never answered")).collect()
    }

    /// Lets time leap to the end of the shortest wait; `false` if there is none.
    fn leap(&self) -> bool {
        self.timers.borrow_mut().retain(|(_, alive, _)| alive.strong_count() > 0);
        let Some(next) = self.timers.borrow().iter().map(|(at, _, _)| *at).min() else { return false };
        self.pass(next.saturating_sub(self.elapsed.get()));
        let due: Vec<_> = self.timers.borrow_mut().extract_if(.., |(at, _, _)| *at <= next).collect();
        for (_, _, waker) in due {
            waker.wake();
        }
        true
    }
}

struct Timer {
    time: Rc<VirtualTime>,
    at: Duration,
    alive: Rc<()>,
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.elapsed.get() >= self.at {
            return Poll::Ready(());
        }
        let timer = (self.at, Rc::downgrade(&self.alive), context.waker().clone());
        self.time.timers.borrow_mut().push(timer);
        Poll::Pending
    }
}
