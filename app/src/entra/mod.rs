//! Microsoft Entra ID.

pub mod id_token;
pub mod jwt_claims;
pub mod redemption;
pub mod refusal;
