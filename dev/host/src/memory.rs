//! The memory of instances.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde::Serialize;
use wasmtime::ResourceLimiter;

/// The linear memory of all instances of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Memory {
    /// The current number of instances.
    pub(super) instances: usize,
    /// Their current memory in bytes.
    pub(super) bytes: usize,
    /// The highest memory of one instance so far, in bytes.
    pub(super) largest_instance: usize,
}

/// Measures the memory of all instances of a host. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryMeter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    instances: AtomicUsize,
    bytes: AtomicUsize,
    largest_instance: AtomicUsize,
}

impl MemoryMeter {
    /// The current figures.
    pub(super) fn read(&self) -> Memory {
        let Counts { instances, bytes, largest_instance } = &*self.0;
        Memory {
            instances: instances.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
            largest_instance: largest_instance.load(Ordering::Relaxed),
        }
    }

    pub(super) fn new_instance(&self) -> InstanceMemory {
        self.0.instances.fetch_add(1, Ordering::Relaxed);
        InstanceMemory { bytes: 0, counts: Arc::clone(&self.0) }
    }
}

/// The share of one instance, which is subtracted when it is dropped.
pub(super) struct InstanceMemory {
    bytes: usize,
    counts: Arc<Counts>,
}

impl ResourceLimiter for InstanceMemory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        self.bytes = self.bytes.saturating_add(more);
        self.counts.bytes.fetch_add(more, Ordering::Relaxed);
        self.counts.largest_instance.fetch_max(self.bytes, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

impl Drop for InstanceMemory {
    fn drop(&mut self) {
        self.counts.instances.fetch_sub(1, Ordering::Relaxed);
        self.counts.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_counts_until_it_is_dropped() {
        let meter = MemoryMeter::default();
        let (mut one, other) = (meter.new_instance(), meter.new_instance());
        one.memory_growing(0, 100, None).unwrap();
        one.memory_growing(100, 300, None).unwrap();
        assert_eq!(meter.read(), Memory { instances: 2, bytes: 300, largest_instance: 300 });
        drop(one);
        drop(other);
        assert_eq!(meter.read(), Memory { instances: 0, bytes: 0, largest_instance: 300 });
    }
}
