//! A refusal as the shared store keeps it, so that of the instances that need the same token only one hears it from Entra.

use std::time::Duration;

use crate::{
    claims_challenge::ClaimsChallenge,
    exchange::{
        aadsts::Throttle,
        refusal::{ExchangeRefusal, Meaning},
    },
    host::UnixTime,
    upstream::{back_off::LONGEST_SILENCE, call::whole_seconds},
};

/// Before the texts: when it was noted and how long Entra wanted to be left alone, in seconds, big-endian, and a letter for
/// the meaning.
const TIME_BYTES: usize = size_of::<u64>();

/// How far the clocks of hosts may differ.
const SKEW_SECONDS: u64 = 5;

impl ExchangeRefusal {
    /// Until when another exchange would be refused in the same way, and the record of this refusal. `None` if another may
    /// succeed at once, or as soon as the operator has rotated the credential.
    pub(super) fn to_record(&self, now: UnixTime) -> Option<(UnixTime, Vec<u8>)> {
        let mut wait = Duration::ZERO;
        let mut claims = "";
        let letter = match &self.meaning {
            Meaning::CredentialRefused | Meaning::Unusable => return None,
            Meaning::ClaimsChallenge(challenge) => {
                claims = challenge.as_str();
                b'c'
            }
            Meaning::InteractionRequired => b'i',
            Meaning::AssertionRefused => b'a',
            Meaning::AppOnly => b'p',
            Meaning::ConsentRequired => b'n',
            Meaning::AccessDenied => b'd',
            Meaning::OperatorFault => b'o',
            Meaning::Unavailable(retry_after) => {
                wait = retry_after.unwrap_or_default();
                b'u'
            }
            Meaning::Throttled { retry_after, throttle } => {
                wait = *retry_after;
                match throttle {
                    Throttle::Token => b'T',
                    Throttle::Person => b'P',
                    Throttle::Directory => b'D',
                }
            }
        };
        let until = self.until(now)?;
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        let texts = [&*self.summary, &id(&self.correlation_id), &id(&self.trace_id), claims].join("\n");
        let wait = whole_seconds(wait).to_be_bytes();
        Some((until, [&now.0.to_be_bytes()[..], &wait, &[letter], texts.as_bytes()].concat()))
    }

    /// The refusal of an opened entry while it applies, with what is left of Entra's `Retry-After`. If it is from the future,
    /// a clock was wrong.
    pub(super) fn from_record(record: &[u8], now: UnixTime) -> Option<Self> {
        let (noted, rest) = record.split_first_chunk::<TIME_BYTES>()?;
        let (wait, rest) = rest.split_first_chunk::<TIME_BYTES>()?;
        let (letter, texts) = rest.split_first()?;
        let (noted, wait) = (UnixTime(u64::from_be_bytes(*noted)), u64::from_be_bytes(*wait));
        if noted > now.plus(SKEW_SECONDS) {
            return None;
        }
        let retry_after = Duration::from_secs(wait);
        let throttled = |throttle| Meaning::Throttled { retry_after, throttle };
        let mut texts = std::str::from_utf8(texts).ok()?.splitn(4, '\n');
        let summary = texts.next()?.to_owned();
        let mut id = || texts.next().filter(|id| !id.is_empty()).map(str::to_owned);
        let (correlation_id, trace_id) = (id(), id());
        let meaning = match letter {
            b'c' => Meaning::ClaimsChallenge(ClaimsChallenge::parse(texts.next()?)?),
            b'i' => Meaning::InteractionRequired,
            b'a' => Meaning::AssertionRefused,
            b'p' => Meaning::AppOnly,
            b'n' => Meaning::ConsentRequired,
            b'd' => Meaning::AccessDenied,
            b'o' => Meaning::OperatorFault,
            b'u' => Meaning::Unavailable(Some(retry_after)),
            b'T' => throttled(Throttle::Token),
            b'P' => throttled(Throttle::Person),
            b'D' => throttled(Throttle::Directory),
            _ => return None,
        };
        let mut refusal = Self { meaning, summary, correlation_id, trace_id };
        let still_applies = now < refusal.until(noted)?;
        // The time was noted in whole seconds, rounded down.
        let left = Duration::from_secs(wait.saturating_add(1).saturating_sub(now.since(noted)).min(wait));
        if let Meaning::Unavailable(Some(retry_after)) | Meaning::Throttled { retry_after, .. } = &mut refusal.meaning {
            *retry_after = left;
        }
        still_applies.then_some(refusal)
    }

    /// Until when it applies, if it was noted at this time.
    fn until(&self, noted: UnixTime) -> Option<UnixTime> {
        Some(noted.plus(whole_seconds(self.meaning.pause()?.min(LONGEST_SILENCE))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ExchangeRefusal, Meaning, UnixTime};
    use crate::{claims_challenge::ClaimsChallenge, exchange::aadsts::Throttle};

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn refusal(meaning: Meaning) -> ExchangeRefusal {
        let trace_id = Some("t-1".to_owned());
        ExchangeRefusal { meaning, summary: "status 400 invalid_grant".to_owned(), correlation_id: None, trace_id }
    }

    #[test]
    fn a_refusal_applies_for_its_pause_and_is_the_same_for_another_instance() {
        let wait = Duration::from_secs;
        let claims = ClaimsChallenge::parse(r#"{"access_token":{"acrs":{"value":"c1"}}}"#).unwrap();
        let throttled = |retry_after, throttle| Meaning::Throttled { retry_after, throttle };
        for (meaning, seconds, later) in [
            (Meaning::ClaimsChallenge(claims.clone()), 60, Meaning::ClaimsChallenge(claims)),
            (Meaning::InteractionRequired, 15, Meaning::InteractionRequired),
            (Meaning::AssertionRefused, 60, Meaning::AssertionRefused),
            (Meaning::AppOnly, 60, Meaning::AppOnly),
            (Meaning::ConsentRequired, 5, Meaning::ConsentRequired),
            (Meaning::AccessDenied, 15, Meaning::AccessDenied),
            (Meaning::OperatorFault, 10, Meaning::OperatorFault),
            (Meaning::Unavailable(Some(wait(30))), 30, Meaning::Unavailable(Some(wait(29)))),
            (throttled(Duration::from_millis(6200), Throttle::Token), 7, throttled(wait(6), Throttle::Token)),
            (throttled(wait(3600), Throttle::Person), 60, throttled(wait(3599), Throttle::Person)),
            (throttled(wait(61), Throttle::Directory), 60, throttled(wait(60), Throttle::Directory)),
        ] {
            let (until, record) = refusal(meaning.clone()).to_record(NOW).unwrap();
            assert_eq!(until.since(NOW), seconds, "{meaning:?}");
            let read = |now| ExchangeRefusal::from_record(&record, now);
            assert_eq!(read(NOW.plus(2)), Some(refusal(later)));
            assert_eq!((read(until), read(UnixTime(until.0 - 1)).is_some()), (None, true), "{meaning:?}");
            // Another host's clock may be behind by some seconds. No wait becomes longer by that.
            let behind = read(UnixTime(NOW.0 - 5)).unwrap().meaning;
            assert!(behind.pause() <= Some(wait(60).max(meaning.pause().unwrap())), "{behind:?}");
            assert_eq!(read(UnixTime(NOW.0 - 6)), None, "{meaning:?}");
            for length in 0..record.len() {
                let _ = ExchangeRefusal::from_record(&record[..length], NOW);
            }
        }
    }

    #[test]
    fn what_may_pass_at_any_moment_is_not_kept() {
        for meaning in [Meaning::CredentialRefused, Meaning::Unusable, Meaning::Unavailable(None)] {
            assert_eq!(refusal(meaning).to_record(NOW), None);
        }
    }
}
