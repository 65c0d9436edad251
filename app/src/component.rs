//! The entry point of the component.

use entra_obo::toolkit::Body;
use entra_obo_spin::{Spin, serve};
use spin_sdk::wasip3::{
    exports::http::handler::Guest,
    http::types::{ErrorCode, Request, Response},
};

use crate::{
    app::{HEADERS_READ, answer},
    instance::Instance,
};

thread_local! {
    static INSTANCE: std::rc::Rc<Instance> = std::rc::Rc::default();
}

spin_sdk::wasip3::http::service::export!(Component);

struct Component;

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let instance = INSTANCE.with(std::rc::Rc::clone);
        serve::<()>(request, &HEADERS_READ, async |head| answer(&instance, &Spin, &head).await.map(Body::Whole)).await
    }
}
