//! Many people, whose tokens are signed when they first call.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use emulated_tenant::{Person, Signing, Tenant};

use super::random::Random;

/// The people of a soak.
pub(super) struct People {
    people: Vec<Person>,
    tokens: Mutex<Vec<Option<(u64, String)>>>,
    /// The number of the newest signing key. Tokens signed with an older key than the previous one are invalid.
    generation: AtomicU64,
}

/// One call.
pub(super) struct Call {
    pub(super) token: String,
    /// The id of the expected profile; `None` for a forged token.
    pub(super) object_id: Option<String>,
}

/// One in this many calls has a forged token.
const FORGED: u64 = 20;

impl People {
    pub(super) fn new(people: Vec<Person>) -> Self {
        let tokens = Mutex::new(vec![None; people.len()]);
        Self { people, tokens, generation: AtomicU64::default() }
    }

    /// Notes that Entra has a new signing key.
    pub(super) fn keys_rotated(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Some of them.
    pub(super) fn some(&self, random: &mut Random, count: usize) -> Vec<&Person> {
        (0..count).filter_map(|_| self.people.get(self.pick(random))).collect()
    }

    /// The next call, by any of them.
    pub(super) fn call(&self, tenant: &Tenant, random: &mut Random) -> Option<Call> {
        let number = self.pick(random);
        let person = self.people.get(number)?;
        if random.between(1, FORGED) == 1 {
            let token = tenant.access_token(person, |plan| plan.signing = Signing::ForgedKey);
            return Some(Call { token, object_id: None });
        }
        let generation = self.generation.load(Ordering::Relaxed);
        let kept = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(number).cloned().flatten();
        let token = match kept {
            Some((signed, token)) if signed == generation => token,
            _ => {
                let token = tenant.access_token(person, |_| ());
                if let Some(place) = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
                    *place = Some((generation, token.clone()));
                }
                token
            }
        };
        Some(Call { token, object_id: Some(person.object_id.clone()) })
    }

    fn pick(&self, random: &mut Random) -> usize {
        let most = u64::try_from(self.people.len()).unwrap_or_default().saturating_sub(1);
        usize::try_from(random.between(0, most)).unwrap_or_default()
    }
}
