//! What happened on the way from the sign-in to the profile, in plain words, with the times that the API told.

use std::time::Duration;

use crate::{
    api::{call::ApiProfile, server_timing::Timing},
    host::UnixTime,
    pages::words::{ago, milliseconds},
    session::Session,
};

/// The way, step by step.
#[derive(Debug, PartialEq)]
pub struct Journey {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// Whether the API told its times.
    pub is_timed: bool,
}

/// One step of the way.
#[derive(Debug, PartialEq)]
pub struct Step {
    /// What happened.
    pub title: &'static str,
    /// What that means.
    pub meaning: &'static str,
    /// How long it took or when it was.
    pub when: Option<String>,
    /// Where its bar begins and how long it is, in hundredths of the whole call.
    pub bar: Option<(f64, f64)>,
}

impl Journey {
    /// The way of one page.
    #[must_use]
    pub fn of(session: &Session, api: &ApiProfile, now: UnixTime) -> Self {
        let mut steps = vec![Step {
            title: "You signed in",
            meaning: "At Microsoft Entra ID, by the authorization code flow with PKCE. Entra gave this app a token for \
                      the API, and the app keeps it in a sealed cookie.",
            when: Some(ago(now.since(session.signed_in_at))),
            bar: None,
        }];
        if session.challenge_met {
            steps.push(Step {
                title: "The API asked for more",
                meaning: "The first call ended in a claims challenge: Entra wanted a stronger sign-in for this. The app \
                          sent you back to Entra with the claims, and the call with the new token succeeded.",
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
        steps.push(scale.step("Microsoft Graph answered", GRAPH, find("graph")));
        steps.push(Step {
            title: "The profile reached this app",
            meaning: "The whole call, from this app to the API and back.",
            when: Some(milliseconds(scale.whole)),
            bar: is_timed.then_some((0.0, 100.0)),
        });
        Self { steps, is_timed }
    }
}

const VALIDATED: &str = "Its signature by Entra's published keys, who issued it, for whom, until when, and whether it holds \
                         the scope that the API asks for.";

const GRAPH: &str = "The API asked for the profile with that token, so Graph saw you and not the API.";

/// The words of the API for where the Graph token came from.
fn exchanged(origin: Option<&str>) -> (&'static str, &'static str) {
    match origin {
        Some("exchange") => (
            "The API exchanged the token",
            "Entra took your token from the API and gave it one for Microsoft Graph, on your behalf (the On-Behalf-Of \
             flow).",
        ),
        Some("memory") => (
            "The API still had a token for Graph",
            "It had exchanged yours at an earlier call and kept the result in memory, so Entra was not asked again.",
        ),
        Some("store") => (
            "The API found its token for Graph",
            "It had exchanged yours at an earlier call and kept the result in its store, sealed with your token, so \
             Entra was not asked again.",
        ),
        _ => (
            "The API got a token for Graph",
            "In exchange for yours, on your behalf (the On-Behalf-Of flow), now or at an earlier call.",
        ),
    }
}

/// Puts steps that follow one another on one line.
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
        let hundredths = |time: f64| (time / self.whole * 100.0).clamp(0.0, 100.0);
        let begun = hundredths(self.begun);
        self.begun += took;
        Some((begun, hundredths(took).min(100.0 - begun)))
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
        host::UnixTime,
        secret::Secret,
        session::Session,
    };

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
        assert_eq!(journey.steps[1].title, "The API asked for more");
        assert_eq!(journey.steps[3].title, "The API still had a token for Graph");
    }

    #[test]
    fn without_times_there_are_steps_all_the_same() {
        let journey = journey(&[], false);
        assert_eq!(journey.steps.len(), 5);
        assert!(!journey.is_timed);
        assert!(journey.steps[1].when.is_none());
    }
}
