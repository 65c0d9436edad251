//! In whose name a downstream API is called: the caller's, or the application's own.

use std::sync::Arc;

use entra_obo::{
    ApplicationToken, Context, Downstream, DownstreamToken, Need, Origin, Refusal, VerifiedCaller, host::Forward,
    toolkit::HeldBack,
};
use http::HeaderValue;
use uuid::Uuid;

use crate::instance::{Configured, Holder};

/// Where the tokens of one request come from. Each implementation has its own type of token, so that one kind is never
/// sent in place of the other.
pub(super) trait Tokens<H> {
    type Token: Clone;

    /// The API that they are for.
    fn downstream(&self) -> &Downstream;

    /// A token, and where it came from.
    async fn obtain(&self, context: &Context<H>, need: &Need<Self::Token>) -> Result<(Self::Token, Origin), Refusal>;

    /// Whose they are.
    fn holder(&self) -> Holder;

    /// Those whose tokens an API keeps refusing.
    fn held_back(&self) -> &HeldBack<(Holder, Downstream), ()>;

    /// The `Authorization` header of the call.
    fn authorization(token: &Self::Token) -> HeaderValue;

    /// The directory in which a person can sign in again, if there is a person.
    fn sign_in_at(&self) -> Option<Uuid>;
}

/// Tokens on behalf of the caller.
pub(super) struct TokensOfCaller<'a> {
    pub(super) configured: &'a Configured,
    pub(super) caller: &'a Arc<VerifiedCaller>,
    pub(super) downstream: &'a Downstream,
}

/// Application tokens of one directory.
pub(super) struct TokensOfApplication<'a> {
    pub(super) configured: &'a Configured,
    pub(super) tenant_id: Uuid,
    pub(super) downstream: &'a Downstream,
}

impl<H: Forward> Tokens<H> for TokensOfCaller<'_> {
    type Token = DownstreamToken;

    fn downstream(&self) -> &Downstream {
        self.downstream
    }

    async fn obtain(&self, context: &Context<H>, need: &Need) -> Result<(DownstreamToken, Origin), Refusal> {
        self.configured.api.token(context, self.caller, self.downstream, need).await
    }

    fn holder(&self) -> Holder {
        Holder::Caller(*self.caller.digest())
    }

    fn held_back(&self) -> &HeldBack<(Holder, Downstream), ()> {
        &self.configured.held_back
    }

    fn authorization(token: &DownstreamToken) -> HeaderValue {
        token.authorization()
    }

    fn sign_in_at(&self) -> Option<Uuid> {
        Some(self.caller.tenant_id())
    }
}

impl<H: Forward> Tokens<H> for TokensOfApplication<'_> {
    type Token = ApplicationToken;

    fn downstream(&self) -> &Downstream {
        self.downstream
    }

    async fn obtain(
        &self,
        context: &Context<H>,
        need: &Need<ApplicationToken>,
    ) -> Result<(ApplicationToken, Origin), Refusal> {
        self.configured.api.application_token(context, self.tenant_id, self.downstream, need).await
    }

    fn holder(&self) -> Holder {
        Holder::Application(self.tenant_id)
    }

    fn held_back(&self) -> &HeldBack<(Holder, Downstream), ()> {
        &self.configured.held_back
    }

    fn authorization(token: &ApplicationToken) -> HeaderValue {
        token.authorization()
    }

    fn sign_in_at(&self) -> Option<Uuid> {
        None
    }
}
