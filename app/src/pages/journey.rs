//! What happened between the sign-in and the profile, with the times that the API reported.

use std::time::Duration;

use entra_obo::host::UnixTime;

use crate::{
    api::{call::ApiProfile, server_timing::Timing},
    pages::times::{ago, milliseconds},
    session::Session,
};

/// All steps.
#[derive(Debug, PartialEq)]
pub(crate) struct Journey {
    /// The steps in order.
    pub(crate) steps: Vec<Step>,
    /// Whether the API reported times.
    pub(crate) is_timed: bool,
}

/// One step.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    /// What happened.
    pub(crate) title: &'static str,
    /// What that means.
    pub(crate) meaning: &'static str,
    /// How long it took, or when it happened.
    pub(crate) when: Option<String>,
    /// Where its bar begins and how long it is, in percent of the whole call.
    pub(crate) bar: Option<(f64, f64)>,
}

impl Journey {
    /// The steps that led to one page.
    #[must_use]
    pub(crate) fn of(session: &Session, api: &ApiProfile, now: UnixTime) -> Self {
        let mut steps = vec![Step {
            title: "You signed in",
            meaning: "At Microsoft Entra ID, with the authorization code flow and PKCE. Entra gave this app a token for \
                      the API, and the app keeps it in an encrypted cookie.",
            when: Some(ago(now.since(session.signed_in_at))),
            bar: None,
        }];
        if session.challenge_met {
            steps.push(Step {
                title: "The API asked for a stronger sign-in",
                meaning: "The first call was answered with a claims challenge. The app sent you back to Entra with the \
                          requested claims, and the call with the new token succeeded.",
                when: None,
                bar: None,
            });
        }
        let is_timed = !api.timings.is_empty();
        let mut scale = Scale { whole: as_milliseconds(api.took), begun: 0.0 };
        let find = |name: &str| api.timings.iter().find(|timing| timing.name == name);
        steps.push(scale.step("The API validated the token", VALIDATED, find("validate")));
        let exchange = find("exchange");
        let (title, meaning) = exchanged(exchange.and_then(|timing| timing.description.as_deref()));
        steps.push(scale.step(title, meaning, exchange));
        steps.push(scale.step("The API called Microsoft Graph", GRAPH, find("graph")));
        steps.push(Step {
            title: "The profile reached this app",
            meaning: "The whole call, from this app to the API and back.",
            when: Some(milliseconds(scale.whole)),
            bar: is_timed.then_some((0.0, 100.0)),
        });
        Self { steps, is_timed }
    }
}

const VALIDATED: &str = "Its signature, against Entra’s published keys; its issuer, audience and expiry; and whether it has the \
                         scope that the API requires.";

const GRAPH: &str = "With the new token the API requested your profile on your behalf.";

/// By the API's description of where the Graph token came from.
fn exchanged(origin: Option<&str>) -> (&'static str, &'static str) {
    match origin {
        Some("exchange") => (
            "The API exchanged the token",
            "The API sent your token to Entra and got one for Microsoft Graph, on your behalf (On-Behalf-Of flow).",
        ),
        Some("memory") => (
            "The API reused a token for Graph",
            "It exchanged yours in an earlier call and kept the result in memory, so it did not call Entra again.",
        ),
        Some("store") => (
            "The API reused a stored token for Graph",
            "It exchanged yours in an earlier call and kept the result in its store, encrypted with a key from your \
             token, so it did not call Entra again.",
        ),
        _ => (
            "The API got a token for Graph",
            "In exchange for yours, on your behalf (On-Behalf-Of flow), now or in an earlier call.",
        ),
    }
}

/// Places the bars of consecutive steps next to one another.
struct Scale {
    whole: f64,
    begun: f64,
}

impl Scale {
    fn step(&mut self, title: &'static str, meaning: &'static str, timing: Option<&Timing>) -> Step {
        let took = timing.and_then(|timing| timing.milliseconds);
        Step { title, meaning, when: took.map(milliseconds), bar: took.and_then(|took| self.bar(took)) }
    }

    fn bar(&mut self, took: f64) -> Option<(f64, f64)> {
        if self.whole <= 0.0 {
            return None;
        }
        let percent = |time: f64| (time / self.whole * 100.0).clamp(0.0, 100.0);
        let begun = percent(self.begun);
        self.begun += took;
        Some((begun, percent(took).min(100.0 - begun)))
    }
}

fn as_milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Map;

    use super::Journey;
    use crate::{
        api::{call::ApiProfile, server_timing::Timing},
        secret::Secret,
        session::Session,
    };
    use entra_obo::host::UnixTime;

    fn journey(timings: &[(&str, Option<&str>, f64)], challenge_met: bool) -> Journey {
        let session = Session {
            access_token: Secret::default(),
            expires_at: UnixTime(0),
            signed_in_at: UnixTime(60),
            name: String::new(),
            username: None,
            logout_hint: None,
            object_id: None,
            challenges_in_a_row: 0,
            challenge_met,
        };
        let timings = timings.iter().map(|(name, description, milliseconds)| Timing {
            name: (*name).to_owned(),
            description: description.map(str::to_owned),
            milliseconds: Some(*milliseconds),
        });
        let api = ApiProfile {
            profile: Map::new(),
            timings: timings.collect(),
            took: Duration::from_millis(100),
            request_id: None,
        };
        Journey::of(&session, &api, UnixTime(180))
    }

    #[test]
    fn bars_follow_one_another_within_the_whole() {
        let journey =
            journey(&[("validate", None, 10.0), ("exchange", Some("memory"), 30.0), ("graph", None, 90.0)], true);
        let bars: Vec<_> = journey.steps.iter().filter_map(|step| step.bar).collect();
        assert_eq!(bars, [(0.0, 10.0), (10.0, 30.0), (40.0, 60.0), (0.0, 100.0)]);
        assert_eq!(journey.steps[0].when.as_deref(), Some("2 minutes ago"));
        assert_eq!(journey.steps[1].title, "The API asked for a stronger sign-in");
        assert_eq!(journey.steps[3].title, "The API reused a token for Graph");
    }

    #[test]
    fn without_times_there_are_steps_nevertheless() {
        let journey = journey(&[], false);
        assert_eq!(journey.steps.len(), 5);
        assert!(!journey.is_timed);
        assert!(journey.steps[1].when.is_none());
    }
}
