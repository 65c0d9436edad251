//! A fleet in its busy hour.

use std::time::Duration;

use super::{
    cost::Cost,
    limits,
    region::{Counts, Region, Reuse, Turns},
};

/// Processor time of a request in microseconds, by where its Graph token comes from: the column "CPU" of the
/// newest table of `docs/performance.md`, with long-lived instances, with default reuse on Redis, and without a store.
pub const CPU_MEMORY: f64 = 1061.0;
/// See [`CPU_MEMORY`].
pub const CPU_STORE: f64 = 1541.0;
/// See [`CPU_MEMORY`].
pub const CPU_EXCHANGE: f64 = 1871.0;

/// Processors that a replica requests, and the share of them at which the autoscaler adds replicas: `deploy/kubernetes/base`.
pub const PROCESSORS: f64 = 0.5;
/// See [`PROCESSORS`].
pub const UTILISATION: f64 = 0.7;
/// The least number of replicas in a region, for availability.
const FEWEST: u32 = 2;

/// Bytes of a stored token: `docs/settings.md`.
const ENTRY: f64 = 2_000.0;
/// How long Graph takes, and Entra for an exchange; assumed.
const RESPONSE_TIME: Duration = Duration::from_millis(100);
const EXCHANGE_TIME: Duration = Duration::from_millis(200);
/// How much a month has of the busy hour's requests: six in a day, on 22 days.
const BUSY_HOURS: f64 = 6.0 * 22.0;
/// Requests that are simulated before the counting begins, and counted: hours in a small fleet, minutes in a large one.
const REQUESTS: (u32, u32) = (90_000, 60_000);
const SEED: u64 = 1;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// All people, who are spread over the regions.
    pub people: u32,
    /// How often each calls in the busy hour.
    pub calls_per_hour: f64,
    /// Regions with replicas and a store of their own.
    pub regions: u32,
    /// Replicas in each region, if not as many as are needed.
    pub replicas: Option<u32>,
    /// `token_store_slots`; 0 is no store.
    pub slots: u32,
    /// How Spin reuses instances.
    pub reuse: Reuse,
}

/// What comes out, for all regions together unless it says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Result {
    /// Requests per second.
    pub rate: f64,
    /// Replicas.
    pub replicas: u32,
    /// The counts of one region.
    pub counts: Counts,
    /// Exchanges per second.
    pub exchanges: f64,
    /// The share of Graph's limit, which is for all regions together.
    pub graph: f64,
    /// The share of the vault's limit in one region.
    pub vault: f64,
    /// Bytes of valid tokens in the store of one region.
    pub stored: f64,
    /// Processors that are busy.
    pub processors: f64,
    /// What a month costs.
    pub cost: Cost,
}

impl Scenario {
    /// Simulates one of the regions, which are alike.
    #[must_use]
    pub fn run(&self) -> Result {
        let regions = f64::from(self.regions);
        let people = self.people.div_ceil(self.regions);
        let rate = f64::from(people) * self.calls_per_hour / 3600.0;
        let replicas = self.replicas.unwrap_or_else(|| replicas(rate));
        let region = Region {
            people,
            rate,
            turns: Turns::Random,
            replicas,
            reuse: self.reuse,
            slots: self.slots,
            response_time: RESPONSE_TIME,
            exchange_time: EXCHANGE_TIME,
            requests: REQUESTS,
        };
        let counts = region.run(SEED);
        let of = |count, cpu: f64| counts.share(count) * cpu / 1e6;
        let cpu =
            of(counts.from_memory, CPU_MEMORY) + of(counts.from_store, CPU_STORE) + of(counts.exchanges, CPU_EXCHANGE);
        let stored = f64::from(counts.stored) * ENTRY;
        let new_instances = f64::from(counts.new_instances) / counts.time.as_secs_f64();
        let vault_reads = new_instances * limits::READS_OF_AN_INSTANCE;
        let requests = rate * 3600.0 * BUSY_HOURS;
        let has_store = self.slots > 0;
        let cost =
            Cost::of(f64::from(replicas) * PROCESSORS, has_store.then_some(stored), requests, vault_reads * 3600.0);
        Result {
            rate: rate * regions,
            replicas: replicas * self.regions,
            counts,
            exchanges: counts.share(counts.exchanges) * rate * regions,
            graph: rate * regions * limits::WINDOW / limits::graph_units(self.people),
            vault: vault_reads * limits::WINDOW / limits::VAULT_READS,
            stored,
            processors: cpu * rate * regions,
            cost: cost.times(regions),
        }
    }
}

/// As many as the autoscaler starts if every token comes from the store.
fn replicas(rate: f64) -> u32 {
    let needed = rate * CPU_STORE / 1e6 / (PROCESSORS * UTILISATION);
    (FEWEST..).find(|replicas| f64::from(*replicas) >= needed).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_costs_of_a_request_are_those_of_the_performance_page() {
        let page = include_str!("../../../../docs/performance.md");
        for (server, cpu) in [
            ("profile-get, long-lived instances", CPU_MEMORY),
            ("profile-get, Spin's default reuse, Redis", CPU_STORE),
            ("profile-get, Spin's default reuse, no store", CPU_EXCHANGE),
        ] {
            let row = page.lines().rfind(|line| line.starts_with(&format!("| {server} |"))).unwrap();
            assert_eq!(row.split('|').nth(3).unwrap().trim(), cpu.to_string(), "{row}");
        }
    }

    #[test]
    fn replicas_are_those_of_the_manifests() {
        let deployment = include_str!("../../../../deploy/kubernetes/base/deployment.yaml");
        assert!(deployment.contains("requests: {cpu: 500m,"));
        let autoscaler = include_str!("../../../../deploy/kubernetes/base/horizontal-pod-autoscaler.yaml");
        assert!(autoscaler.contains("averageUtilization: 70") && autoscaler.contains("minReplicas: 2"));
        assert_eq!((replicas(0.1), replicas(1_000.0)), (2, 5));
    }
}
