//! What Azure charges: list prices in US dollars, pay as you go, as others read them from Azure's price list for East US 2
//! in August 2026. They change; the order of magnitude does not.

/// Hours of a month.
const HOURS: f64 = 730.0;

/// One virtual processor of a D-series machine (v5), for an hour.
const PROCESSOR: f64 = 0.048;

/// Azure Managed Redis, Balanced, for an hour and node: gigabytes and price.
const REDIS: [(f64, f64); 3] = [(0.5, 0.016), (3.0, 0.081), (6.0, 0.193)];

/// A second node for availability is counted at full price.
const REDIS_NODES: f64 = 2.0;

/// A part of the memory is Redis's own.
const REDIS_USABLE: f64 = 0.8;

/// Log Analytics, for a gigabyte that is taken in.
const LOG: f64 = 2.30;

/// Key Vault, for an operation.
const VAULT: f64 = 0.03 / 10_000.0;

/// A log line, with what a collector adds to it.
const LINE: f64 = 900e-9;

/// What a month costs, by its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Processors of the replicas.
    pub processors: f64,
    /// The store.
    pub redis: f64,
    /// The log.
    pub log: f64,
    /// The vault.
    pub vault: f64,
}

impl Cost {
    /// Of a region whose replicas request so many processors.
    #[must_use]
    pub fn of(processors: f64, stored_bytes: Option<f64>, requests: f64, vault_reads_per_hour: f64) -> Self {
        let size = |bytes: f64| REDIS.iter().find(|(gigabytes, _)| bytes / 1e9 <= gigabytes * REDIS_USABLE);
        let redis = stored_bytes.map_or(0.0, |bytes| size(bytes).map_or(f64::NAN, |(_, price)| *price));
        Self {
            processors: processors * PROCESSOR * HOURS,
            redis: redis * REDIS_NODES * HOURS,
            log: requests * LINE * LOG,
            vault: vault_reads_per_hour * HOURS * VAULT,
        }
    }

    /// In several regions alike.
    #[must_use]
    pub fn times(self, regions: f64) -> Self {
        let Self { processors, redis, log, vault } = self;
        Self { processors: processors * regions, redis: redis * regions, log: log * regions, vault: vault * regions }
    }

    /// All parts together.
    #[must_use]
    pub fn total(self) -> f64 {
        self.processors + self.redis + self.log + self.vault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_gets_the_smallest_size_that_holds_it() {
        let redis = |bytes| Cost::of(0.0, Some(bytes), 0.0, 0.0).redis;
        assert!((redis(1e6) - 23.36).abs() < 0.01);
        assert!((redis(2e9) - 118.26).abs() < 0.01);
        assert!(redis(9e9).is_nan(), "larger sizes have no price here");
        assert_eq!(Cost::of(0.0, None, 0.0, 0.0), Cost::default());
    }

    #[test]
    fn the_log_of_many_requests_costs_most() {
        let cost = Cost::of(1.0, Some(1e6), 100e6, 0.0);
        assert!((cost.log - 207.0).abs() < 0.1 && cost.log > cost.processors + cost.redis, "{cost:?}");
    }
}
