//! The callers and their tokens, which are made before anything is measured.

use std::{num::NonZeroUsize, sync::Arc, thread};

use anyhow::{Result, anyhow};
use emulated_tenant::{Person, Tenant};

use super::{load::Caller, subject::Subject};

/// People in the order in which they call.
pub(super) struct Crowd {
    /// With tokens for the API.
    api: Vec<Caller>,
    /// The same, naming themselves, since nobody else does where a front only forwards.
    named: Vec<Caller>,
    /// With tokens for Graph itself, which the baseline forwards.
    graph: Vec<Caller>,
}

impl Crowd {
    /// Signs in `count` new members. Takes about a millisecond for each.
    pub(super) async fn gather(tenant: Arc<Tenant>, count: usize) -> Result<Self> {
        tokio::task::spawn_blocking(move || {
            let people = tenant.add_members(count);
            let api = sign_in(&people, |person| tenant.access_token(person, |_| ()))?;
            let graph = sign_in(&people, |person| tenant.graph_token(person))?;
            let named = api.iter().map(Caller::naming_itself).collect::<Result<_>>()?;
            Ok(Self { api, named, graph })
        })
        .await?
    }

    /// The first `users` of them, with the tokens that `subject` expects.
    pub(super) fn callers(&self, subject: Subject, users: usize) -> Arc<[Caller]> {
        let all = match subject {
            Subject::PassThrough(_) | Subject::Least(_) => &self.graph,
            Subject::Front(_) => &self.named,
            _ => &self.api,
        };
        all.iter().take(users).cloned().collect()
    }
}

/// Signs on all processors, since signing takes most of the time.
fn sign_in(people: &[Person], token: impl Fn(&Person) -> String + Sync) -> Result<Vec<Caller>> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = people.len().div_ceil(threads).max(1);
    let sign_in_share = |share: &[Person]| -> Result<Vec<Caller>> {
        share.iter().map(|person| Caller::new(&token(person), &person.object_id)).collect()
    };
    thread::scope(|scope| {
        let shares: Vec<_> = people.chunks(share).map(|share| scope.spawn(move || sign_in_share(share))).collect();
        let mut callers = Vec::with_capacity(people.len());
        for share in shares {
            callers.append(&mut share.join().map_err(|_| anyhow!("signing people in panicked"))??);
        }
        Ok(callers)
    })
}
