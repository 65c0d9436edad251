//! The few fields of an X.509 certificate (RFC 5280) that matter for signing with its key.

use der::{
    Decode, Reader, Result, SliceReader, Tag, Tagged,
    asn1::{AnyRef, GeneralizedTime, UtcTime},
};

use crate::host::UnixTime;

/// Those of one certificate. Its signature is for Entra to check.
pub(super) struct X509<'a> {
    /// The public key, a `SubjectPublicKeyInfo` in DER.
    pub(super) public_key: &'a [u8],
    /// When its validity begins.
    pub(super) not_before: UnixTime,
    /// When its validity ends.
    pub(super) not_after: UnixTime,
}

impl<'a> X509<'a> {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// The decoder's own.
    pub(super) fn parse(certificate: &'a [u8]) -> Result<Self> {
        AnyRef::from_der(certificate)?.sequence(|certificate| {
            let signed = AnyRef::decode(certificate)?.sequence(|fields| {
                // The version is missing in certificates of version 1.
                if fields.peek_tag()?.is_context_specific() {
                    fields.tlv_bytes()?;
                }
                let (_serial_number, _signature, _issuer) =
                    (fields.tlv_bytes()?, fields.tlv_bytes()?, fields.tlv_bytes()?);
                let (not_before, not_after) =
                    AnyRef::decode(fields)?.sequence(|validity| Ok((time(validity)?, time(validity)?)))?;
                let _subject = fields.tlv_bytes()?;
                let public_key = fields.tlv_bytes()?;
                skip_rest(fields)?;
                Ok(Self { public_key, not_before, not_after })
            })?;
            skip_rest(certificate)?;
            Ok(signed)
        })
    }
}

fn skip_rest(reader: &mut SliceReader<'_>) -> Result<()> {
    reader.read_slice(reader.remaining_len()).map(|_| ())
}

fn time(reader: &mut SliceReader<'_>) -> Result<UnixTime> {
    let time = AnyRef::decode(reader)?;
    let since_epoch = match time.tag() {
        Tag::UtcTime => time.decode_as::<UtcTime>()?.to_unix_duration(),
        _ => time.decode_as::<GeneralizedTime>()?.to_unix_duration(),
    };
    Ok(UnixTime(since_epoch.as_secs()))
}
