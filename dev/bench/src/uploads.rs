//! Requests with a body that the gateway passes on to an app on another connection, and whether they arrive in one piece.

use std::{
    convert::Infallible,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result};
use bytes::Bytes;
use cargo_dev::progress::Progress;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::{net::TcpListener, task::AbortHandle};

use super::{
    arrival::{Arrival, GAP},
    crowd::Crowd,
    load::{self, CALLER, Target, Until},
    plan::Plan,
    stage::Stage,
    subject::{Reuse, Subject},
};

pub(super) const NAME: &str = "uploads";
pub(super) const CONNECTIONS: usize = 16;
/// How many people call.
pub(super) const PEOPLE: usize = 16;
/// As much as head and body together have room in one packet. More is sent in several in any case.
const BODY_BYTES: usize = 500;

/// The requests that an app received.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Uploads {
    pub(super) reuse: Reuse,
    pub(super) uploads: u32,
    /// How many arrived in two pieces, with a gap between them.
    pub(super) in_pieces: u32,
}

impl Uploads {
    /// The share of those in pieces.
    pub(super) fn in_pieces_percent(&self) -> f64 {
        100.0 * f64::from(self.in_pieces) / f64::from(self.uploads.max(1))
    }
}

/// The gateways that are measured.
pub(super) const SUBJECTS: [Subject; 2] = [Subject::Gateway(Reuse::LongLived), Subject::Gateway(Reuse::Default)];

/// Measures the gateway with either reuse.
///
/// # Errors
/// If a server does not start, or any response is not the caller's own.
pub(super) async fn measure(stage: &Stage, crowd: &Crowd, plan: &Plan, progress: Progress) -> Result<Vec<Uploads>> {
    let mut found = Vec::new();
    for reuse in [Reuse::LongLived, Reuse::Default] {
        let step = progress.step(&format!("Measuring uploads, {}", reuse.word()));
        let subject = Subject::Gateway(reuse);
        let app = App::start().await?;
        let served = stage.serve_in_front_of(reuse, &app.url).await?;
        let target = Target::of(served.url(), subject.path())?.with_body(Bytes::from_static(&[b'x'; BODY_BYTES]));
        let callers = crowd.callers(subject, PEOPLE);
        let until = |time| Until { time, requests: PEOPLE, limit: time.max(load::ANSWER_LIMIT) };
        load::run(&target, &callers, CONNECTIONS, until(plan.warm_up), &Arc::default()).await?;
        app.counts.forget();
        load::run(&target, &callers, CONNECTIONS, until(plan.measured), &Arc::default()).await?;
        served.stop().await;
        let uploads = app.counts.found(reuse);
        step.done(&format!(
            "Measured uploads, {}: {} of {} in pieces",
            reuse.word(),
            uploads.in_pieces,
            uploads.uploads
        ));
        found.push(uploads);
    }
    Ok(found)
}

/// An app that answers with its caller's id, as the front's app does. Dropping it ends it.
struct App {
    url: String,
    counts: Arc<Counts>,
    accepting: AbortHandle,
}

#[derive(Default)]
struct Counts {
    uploads: AtomicU32,
    in_pieces: AtomicU32,
}

impl App {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port is free")?;
        let url = format!("http://{}", listener.local_addr()?);
        let counts = Arc::<Counts>::default();
        let counting = Arc::clone(&counts);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (stream, arrival) = Arrival::watch(stream);
                let counts = Arc::clone(&counting);
                let service = service_fn(move |request| answer(request, arrival.clone(), Arc::clone(&counts)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { url, counts, accepting: accepting.abort_handle() })
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    arrival: Arrival,
    counts: Arc<Counts>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let is_whole = body.collect().await.is_ok_and(|body| body.to_bytes().len() == BODY_BYTES);
    counts.uploads.fetch_add(1, Ordering::Relaxed);
    counts.in_pieces.fetch_add(u32::from(arrival.take_gap() >= GAP), Ordering::Relaxed);
    let id = head.headers.get(CALLER).and_then(|id| id.to_str().ok()).filter(|_| is_whole).unwrap_or_default();
    Ok(Response::new(Full::from(serde_json::json!({"id": id}).to_string())))
}

impl Counts {
    fn forget(&self) {
        self.uploads.store(0, Ordering::Relaxed);
        self.in_pieces.store(0, Ordering::Relaxed);
    }

    fn found(&self, reuse: Reuse) -> Uploads {
        let of = |count: &AtomicU32| count.load(Ordering::Relaxed);
        Uploads { reuse, uploads: of(&self.uploads), in_pieces: of(&self.in_pieces) }
    }
}
