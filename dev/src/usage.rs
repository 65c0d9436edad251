//! The CPU time and memory of a process and its children, from Linux's `/proc`.

use std::{collections::HashMap, fs, time::Duration};

use anyhow::{Context, Result};
use rustix::param::clock_ticks_per_second;

/// The CPU time and memory of a process and all its descendants so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, in user mode and in the kernel.
    pub cpu: Duration,
    /// The memory that they hold now and that is not a file's, in bytes.
    pub memory: u64,
    /// The sum of their peak memory, in bytes.
    pub peak_memory: u64,
}

impl Usage {
    /// The usage of `root` and its descendants.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn of_tree(root: u32) -> Result<Self> {
        let mut usage = Self::default();
        for process in tree(root)? {
            let stat = Stat::of(process).with_context(|| format!("process {process} has ended"))?;
            usage.cpu += stat.cpu;
            usage.memory += memory(process, "RssAnon:").unwrap_or_default();
            usage.peak_memory += memory(process, "VmHWM:").unwrap_or_default();
        }
        Ok(usage)
    }
}

/// `root` and its descendants.
fn tree(root: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").context("there is no /proc: measurements need Linux")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Processes may end while the list is read.
        if let Some(stat) = Stat::of(process) {
            children.entry(stat.parent).or_default().push(process);
        }
    }
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(process) = next.pop() {
        found.push(process);
        next.extend(children.remove(&process).unwrap_or_default());
    }
    Ok(found)
}

/// What `/proc/<id>/stat` says, see proc_pid_stat(5).
struct Stat {
    parent: u32,
    cpu: Duration,
}

impl Stat {
    fn of(process: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses. It may contain spaces and parentheses.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        // utime and stime, without those of ended children.
        let ticks = number(11)? + number(12)?;
        let milliseconds = ticks.checked_mul(1000)?.checked_div(clock_ticks_per_second())?;
        Some(Self { parent: number(1)?.try_into().ok()?, cpu: Duration::from_millis(milliseconds) })
    }
}

/// A line of `/proc/<id>/status` about memory, see proc_pid_status(5).
fn memory(process: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_are_counted() {
        // A shell that waits for another one, which works and then waits.
        let mut waiting = Command::new("sh")
            .args(["-c", "(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo; read _); true"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Read::read_exact(waiting.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let alone = Stat::of(waiting.id()).unwrap();
        let memory_alone = memory(waiting.id(), "VmHWM:").unwrap();
        let both = Usage::of_tree(waiting.id()).unwrap();
        drop(waiting.stdin.take());
        waiting.wait().unwrap();
        assert!(both.cpu >= alone.cpu + Duration::from_millis(10), "{both:?}, {:?} alone", alone.cpu);
        assert!(both.peak_memory > memory_alone, "{both:?}, {memory_alone} alone");
        assert!((1..both.peak_memory).contains(&both.memory), "{both:?}");
    }

    #[test]
    fn a_name_may_contain_parentheses() {
        let stat = Stat::parse("7 (a) b (c)) S 3 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 1 0 9 9 9").unwrap();
        assert_eq!((stat.parent, stat.cpu), (3, Duration::from_millis(200_000 / clock_ticks_per_second())));
    }

    #[test]
    fn a_missing_process_is_an_error() {
        assert!(Usage::of_tree(u32::MAX).unwrap_err().to_string().contains("has ended"));
    }
}
