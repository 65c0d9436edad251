//! RSA signatures of the kind `RS256` (RFC 7518 section 3.3).

/// key
#[derive(Debug)]
pub struct RsaPublicKey(rsa::pkcs1v15::VerifyingKey<sha2::Sha256>);
impl RsaPublicKey {
    /// new
    pub fn new(n: &[u8], e: &[u8]) -> Result<Self, ()> {
        let key =
            rsa::RsaPublicKey::new(rsa::BigUint::from_bytes_be(n), rsa::BigUint::from_bytes_be(e)).map_err(|_| ())?;
        Ok(Self(rsa::pkcs1v15::VerifyingKey::new(key)))
    }
    /// v
    pub fn verify_sha256(&self, message: &[u8], signature: &[u8]) -> bool {
        use rsa::signature::Verifier;
        rsa::pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}
