//! One region: requests arrive, a load balancer picks a replica, its Spin an instance, and a Graph token is found in the
//! instance's memory, in the shared store, or exchanged.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use fastrand::Rng;

use super::slots::Slots;

/// How many tokens an instance remembers: `MAX_TOKENS` in `exchange/source.rs` of the core.
const REMEMBERED: usize = 16_384;
/// How long Entra's access tokens are valid: 60 to 90 minutes, at random.
/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime>
const SHORTEST_TOKEN: Duration = Duration::from_secs(60 * 60);
const LONGEST_TOKEN: Duration = Duration::from_secs(90 * 60);
/// Calls with which an instance fetches Entra's metadata and keys, if no store has them.
const KEY_CALLS: f64 = 2.0;

/// How Spin reuses an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// It ends after this number of requests.
    pub requests: u32,
    /// It ends after it had nothing to do for this time.
    pub idle: Duration,
}

impl Reuse {
    /// Spin's own.
    pub const DEFAULT: Self = Self { requests: 128, idle: Duration::from_secs(1) };
    /// That of the `Dockerfile` and of `docs/performance.md`.
    pub const LONG_LIVED: Self = Self { requests: 100_000, idle: Duration::from_secs(60) };
}

/// Who calls next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// Anyone, at times that do not depend on each other.
    Random,
    /// One after the other at equal distances, as in the bench.
    InOrder,
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// People who call.
    pub people: u32,
    /// Requests per second of all of them together.
    pub rate: f64,
    /// Who calls next.
    pub turns: Turns,
    /// Processes of Spin.
    pub replicas: u32,
    /// How they reuse instances.
    pub reuse: Reuse,
    /// How many tokens the shared store holds; 0 is no store.
    pub slots: u32,
    /// How long a request takes.
    pub response_time: Duration,
    /// How much longer it takes with an exchange.
    pub exchange_time: Duration,
    /// How many requests pass before the counting begins, and how many are counted.
    pub requests: (u32, u32),
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All requests.
    pub requests: u32,
    /// Those whose token was in the instance's memory.
    pub from_memory: u32,
    /// Those whose token was in the store.
    pub from_store: u32,
    /// Those that exchanged.
    pub exchanges: u32,
    /// Instances that were started.
    pub new_instances: u32,
    /// Tokens in the store at the end that are valid.
    pub stored: u32,
    /// For how long was counted.
    pub time: Duration,
}

#[derive(Default)]
struct Instance {
    memory: Memory,
    served: u32,
    idle_since: Duration,
}

/// The numbers of the newest tokens that an instance has seen, by person. The oldest entry makes room; the core's is the one
/// that was not used for longest.
#[derive(Default)]
struct Memory {
    tokens: HashMap<u32, u64>,
    order: VecDeque<u32>,
}

impl Memory {
    fn has(&self, person: u32, token: u64) -> bool {
        self.tokens.get(&person) == Some(&token)
    }

    fn put(&mut self, person: u32, token: u64) {
        if self.tokens.insert(person, token).is_none() {
            self.order.push_back(person);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.tokens.remove(&oldest);
            }
        }
    }
}

/// A person's own token for the API. Its number is new with each.
#[derive(Clone, Copy)]
struct Token {
    number: u64,
    ends: Duration,
}

impl Region {
    /// Runs it. The same `seed` gives the same counts.
    #[must_use]
    pub fn run(&self, seed: u64) -> Counts {
        let mut random = Rng::with_seed(seed);
        let mut slots = Slots::new(self.slots);
        let mut numbers = 1..;
        let mut tokens: Vec<Token> =
            (0..self.people).map(|_| self.token_in_use(&mut random, &mut slots, &mut numbers)).collect();
        let mut idle: Vec<VecDeque<Instance>> = (0..self.replicas).map(|_| VecDeque::new()).collect();
        // By the moment of the response; the second part of the key keeps them apart.
        let mut busy: BTreeMap<(Duration, Reverse<u32>), (usize, Instance)> = BTreeMap::new();
        let (mut counts, mut now, mut began) = (Counts::default(), Duration::ZERO, Duration::ZERO);

        for index in 0..self.requests.0.saturating_add(self.requests.1) {
            if index == self.requests.0 {
                (counts, began) = (Counts::default(), now);
            }
            now = now.saturating_add(self.distance(&mut random));
            while let Some(entry) = busy.first_entry().filter(|entry| entry.key().0 <= now) {
                let ((ended, _), (replica, mut instance)) = entry.remove_entry();
                instance.idle_since = ended;
                if let Some(idle) = idle.get_mut(replica).filter(|_| instance.served < self.reuse.requests) {
                    idle.push_back(instance);
                }
            }

            let replica = random.usize(0..idle.len().max(1));
            let instance = idle.get_mut(replica).and_then(|idle| self.idle_instance(idle, now, &mut random));
            let mut instance = instance.unwrap_or_else(|| {
                counts.new_instances += 1;
                Instance::default()
            });

            let person = match self.turns {
                Turns::Random => random.u32(0..self.people.max(1)),
                Turns::InOrder => index.checked_rem(self.people).unwrap_or_default(),
            };
            let Some(token) = usize::try_from(person).ok().and_then(|person| tokens.get_mut(person)) else { continue };
            if token.ends <= now {
                *token = Token { number: numbers.next().unwrap_or_default(), ends: now + lifetime(&mut random) };
            }
            counts.requests += 1;
            let mut takes = self.response_time;
            if instance.memory.has(person, token.number) {
                counts.from_memory += 1;
            } else if slots.has(token.number, now) {
                counts.from_store += 1;
            } else {
                counts.exchanges += 1;
                takes += self.exchange_time;
                slots.put(token.number, token.ends, now);
            }
            instance.memory.put(person, token.number);
            instance.served += 1;
            busy.insert((now.saturating_add(takes), Reverse(index)), (replica, instance));
        }
        Counts { stored: slots.valid(now), time: now.saturating_sub(began), ..counts }
    }

    /// A token that its person has had for some time. The store has it, if they have called since.
    fn token_in_use(&self, random: &mut Rng, slots: &mut Slots, numbers: &mut impl Iterator<Item = u64>) -> Token {
        let lifetime = lifetime(random);
        let age = lifetime.mul_f64(random.f64());
        let token = Token { number: numbers.next().unwrap_or_default(), ends: lifetime.saturating_sub(age) };
        let calls = self.rate / f64::from(self.people) * age.as_secs_f64();
        if random.f64() < 1.0 - (-calls).exp() {
            slots.put(token.number, token.ends, Duration::ZERO);
        }
        token
    }

    /// The time until the next request.
    fn distance(&self, random: &mut Rng) -> Duration {
        let mean = Duration::from_secs_f64(1.0 / self.rate);
        match self.turns {
            Turns::Random => mean.mul_f64(-(1.0 - random.f64()).ln()),
            Turns::InOrder => mean,
        }
    }

    /// Any of those that have not ended.
    fn idle_instance(&self, idle: &mut VecDeque<Instance>, now: Duration, random: &mut Rng) -> Option<Instance> {
        // The first has been idle for longest.
        while idle.front().is_some_and(|instance| now.saturating_sub(instance.idle_since) > self.reuse.idle) {
            idle.pop_front();
        }
        if idle.is_empty() { None } else { idle.remove(random.usize(0..idle.len())) }
    }
}

fn lifetime(random: &mut Rng) -> Duration {
    SHORTEST_TOKEN + (LONGEST_TOKEN - SHORTEST_TOKEN).mul_f64(random.f64())
}

impl Counts {
    /// Calls to Entra and Graph for each request. An instance has no keys to begin with; `has_store` says whether another's
    /// are in a store.
    #[must_use]
    pub fn upstream_calls(&self, has_store: bool) -> f64 {
        let keys = if has_store { 0.0 } else { self.share(self.new_instances) * KEY_CALLS };
        1.0 + self.share(self.exchanges) + keys
    }

    /// The share of the requests that `count` is.
    #[must_use]
    pub fn share(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.requests.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(reuse: Reuse, slots: u32, rate: f64) -> Counts {
        let requests = (3_000, 8_000);
        // 16 connections are always busy.
        let response_time = Duration::from_secs_f64(16.0 / rate);
        let exchange_time = Duration::ZERO;
        let turns = Turns::InOrder;
        Region { people: 1_000, rate, turns, replicas: 1, reuse, slots, response_time, exchange_time, requests }.run(1)
    }

    /// The columns "req/s" and "upstream calls" of a row of `docs/performance.md`.
    fn measured(server: &str) -> (f64, f64) {
        let page = include_str!("../../../../docs/performance.md");
        let mut rows = page.lines().skip_while(|line| !line.starts_with(&format!("| {server} |")));
        let row = rows.find(|row| row.contains("| 1,000 |")).unwrap();
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[5].parse().unwrap(), cells[8].parse().unwrap())
    }

    #[test]
    fn it_calls_upstreams_as_often_as_the_bench_measured() {
        for (server, reuse, slots) in [
            ("profile-get, long-lived instances", Reuse::LONG_LIVED, 65_536),
            ("profile-get, Spin's default reuse, Redis", Reuse::DEFAULT, 65_536),
            ("profile-get, Spin's default reuse, no store", Reuse::DEFAULT, 0),
        ] {
            let (rate, calls) = measured(server);
            let counts = bench(reuse, slots, rate);
            assert!((counts.upstream_calls(slots > 0) - calls).abs() < 0.03, "{server}: {calls}, {counts:?}");
        }
    }

    #[test]
    fn every_request_is_counted_once_and_a_seed_repeats_itself() {
        let region = Region {
            people: 200,
            rate: 10.0,
            turns: Turns::Random,
            replicas: 2,
            reuse: Reuse::LONG_LIVED,
            slots: 1_000,
            response_time: Duration::from_millis(100),
            exchange_time: Duration::from_millis(200),
            requests: (500, 2_000),
        };
        let counts = region.run(7);
        assert_eq!(counts.requests, 2_000);
        assert_eq!(counts.from_memory + counts.from_store + counts.exchanges, 2_000);
        assert!(counts.from_memory > 0 && counts.from_store > 0 && counts.exchanges > 0, "{counts:?}");
        assert!((170.0..230.0).contains(&counts.time.as_secs_f64()), "{counts:?}");
        assert_eq!(region.run(7), counts);
        assert_ne!(region.run(8), counts);
    }

    #[test]
    fn instances_end_as_spin_ends_them() {
        let of = |reuse| bench(reuse, 65_536, 2_000.0).new_instances;
        // 8,000 requests, 128 for each.
        assert!((55..75).contains(&of(Reuse::DEFAULT)), "{}", of(Reuse::DEFAULT));
        assert_eq!(of(Reuse::LONG_LIVED), 0);
    }
}
