//! Microsoft Entra ID.

pub(crate) mod authorization;
pub(crate) mod id_token;
pub(crate) mod jwt_claims;
pub(crate) mod redemption;
pub(crate) mod refusal;
