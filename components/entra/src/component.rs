//! The entry point of the component.

use std::{rc::Rc, time::Duration};

use entra_obo_spin::{Spin, StreamLimits, serve_whole};
use spin_sdk::wasip3::{
    exports::http::handler::Guest,
    http::types::{ErrorCode, Request, Response},
};

use crate::{api::answer, gateway::STREAM_IDLE, instance::Instance};

/// A download or a stream of events lasts for as long as both sides make progress. A reader that takes nothing for a minute
/// has disappeared.
const STREAMS: StreamLimits =
    StreamLimits { time: None, bytes: u64::MAX, idle: STREAM_IDLE, stall: Duration::from_secs(60) };

thread_local! {
    static INSTANCE: Rc<Instance> = Rc::default();
}

spin_sdk::wasip3::http::service::export!(Component);

struct Component;

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let instance = INSTANCE.with(Rc::clone);
        serve_whole(request, STREAMS, async |head, body| answer(&instance, &Spin, head, body).await).await
    }
}
