//! The way back from Entra.

use bytes::Bytes;
use http::Response;

use super::{pending::PendingSignIn, used_sign_ins::UsedSignIns};
use entra_obo::host::Host;

use crate::{
    context::Context,
    entra::{authorization::AuthorizationResponse, redemption::redeem},
    failure::Failure,
    pages::response,
    session::Session,
};

/// Turns what the person brings back into a session, and sends them to the first page, away from an address that holds a
/// code.
///
/// The sign-in counts as used before Entra is called, whatever the outcome.
///
/// # Errors
/// Why there is no session; see [`Failure`].
pub(crate) async fn answer<H: Host>(
    context: &Context<'_, H>,
    used_sign_ins: &UsedSignIns,
    query: &str,
) -> Result<Response<Bytes>, Failure> {
    let Context { host, settings, cookies, notes, request_id, .. } = context;
    let brought = AuthorizationResponse::parse(query).ok_or(Failure::NoPendingSignIn)?;
    let pending = PendingSignIn::take(cookies, settings, &brought.state, host.now()).ok_or(Failure::NoPendingSignIn)?;
    if !used_sign_ins.is_first_use(*host, settings, &pending.state).await {
        return Err(Failure::NoPendingSignIn);
    }
    let code = brought.code.map_err(Failure::SignInRefused)?;

    let started = host.elapsed();
    let redeemed = redeem(*host, settings, *request_id, &code, &pending.code_verifier, &pending.nonce).await;
    notes.entra_answered_in(host.elapsed().saturating_sub(started));
    let redeemed = redeemed.map_err(Failure::Redemption)?;
    notes.person(settings.tenant_id, redeemed.person.object_id);
    let session = Session {
        access_token: redeemed.access_token,
        expires_at: redeemed.expires_at,
        signed_in_at: host.now(),
        name: redeemed.person.name,
        username: redeemed.person.username,
        logout_hint: redeemed.person.logout_hint,
        object_id: redeemed.person.object_id,
        challenges_in_a_row: pending.challenges_in_a_row,
        challenge_met: false,
    };
    session.keep([host.random(), host.random()], cookies, settings).map_err(|_| Failure::TokenTooLong)?;
    Ok(response::redirect("/"))
}
