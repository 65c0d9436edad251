//! Reuse of instances: how many requests one serves, at once and in total, and how long it may be idle.

use std::{
    future::{self, Future},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use wasmtime::{Engine, Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::{
    WasiHttpView,
    handler::{HandlerState, Instance, Proxy, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus},
};

use super::{
    instance::{ComponentContext, InstanceState},
    log::Log,
    options::InstanceReuse,
};

/// Creates instances of one component when requests need them.
pub(super) struct InstancePool {
    pub(super) engine: Engine,
    pub(super) component: ProxyPre<InstanceState>,
    pub(super) context: ComponentContext,
    pub(super) reuse: InstanceReuse,
    /// Cancelled when the host is dropped, so that no instance outlives it.
    pub(super) stopped: CancellationToken,
}

/// Components are compiled to be interruptible, as in Spin, but nothing interrupts them.
const NO_DEADLINE: u64 = u64::MAX / 2;

impl HandlerState for InstancePool {
    type StoreData = InstanceState;
    type WorkerExpiration = Lifetime;
    type WorkerState = Capacity;

    async fn instantiate(&self) -> wasmtime::Result<Instance<InstanceState, Lifetime, Capacity>> {
        let mut store = Store::new(&self.engine, self.context.new_instance()?);
        store.set_epoch_deadline(NO_DEADLINE);
        store.limiter(|state| &mut state.memory);
        let proxy = self.component.instantiate_async(&mut store).await?;
        // Like Spin, a new instance for each request of WASI 0.2.
        let max_requests = if matches!(proxy, Proxy::P2(_)) { 1 } else { self.reuse.max_requests };
        Ok(Instance {
            store,
            proxy,
            view: InstanceState::http,
            expiration: Lifetime {
                idle: self.reuse.idle,
                timer: Box::pin(sleep(self.reuse.idle)),
                stopped: Box::pin(self.stopped.clone().cancelled_owned()),
            },
            state: Capacity {
                reuse: InstanceReuse { max_requests, ..self.reuse },
                component: Arc::clone(&self.context.id),
                log: self.context.log.clone(),
                stopped: self.stopped.clone(),
            },
        })
    }
}

/// Ends an instance that has been idle for too long or whose host has been dropped.
pub(super) struct Lifetime {
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl WorkerExpiration for Lifetime {
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        if self.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        match (status, since.checked_add(self.idle)) {
            (WorkerStatus::Idle, Some(end)) => {
                let end = end.into();
                if self.timer.deadline() != end {
                    self.timer.as_mut().reset(end);
                }
                self.timer.as_mut().poll(context)
            }
            _ => Poll::Pending,
        }
    }
}

/// Decides whether an instance accepts another request.
pub(super) struct Capacity {
    reuse: InstanceReuse,
    component: Arc<str>,
    log: Log,
    stopped: CancellationToken,
}

impl WorkerState for Capacity {
    type StoreData = InstanceState;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.reuse.max_requests {
            ShouldAccept::Never
        } else if concurrent >= self.reuse.max_concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, InstanceState>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        // By default, Spin does not limit the duration of a request.
        Box::pin(future::pending())
    }

    fn drop(&self, store: Store<InstanceState>, result: wasmtime::Result<()>) {
        // After the host has been dropped, interrupted instances are expected.
        if let Err(error) = result
            && !self.stopped.is_cancelled()
        {
            self.log.host(&self.component, format_args!("an instance failed: {error:?}"));
        }
        drop(store);
    }
}
