//! The tables, in Markdown.

use std::fmt::Write;

use super::{
    bursts::{self, Bursts},
    figures::Figures,
    first_responses::FirstResponses,
    goals::{Bound, Goal, find, goals},
    memory::Memory,
    new_people::NewPeople,
    rs256::Rs256,
    subject::Job,
    uploads::Uploads,
};

/// Everything that a run found.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) figures: &'a Figures,
    /// The host and the machine.
    pub(super) circumstances: String,
}

const NOT_MEASURED: &str = "–";

impl Report<'_> {
    pub(super) fn to_markdown(&self) -> String {
        let Figures { rs256, first_responses, bursts, new_people, memory, uploads, measurements, skipped, .. } =
            self.figures;
        let mut text = format!("{}\n\n", self.circumstances);
        text.push_str(&self.goals().to_markdown());
        let tables = [
            rs256.as_ref().map(rs256_table),
            first_responses.as_ref().map(first_responses_table),
            (!bursts.is_empty()).then(|| bursts_table(bursts)),
            (!new_people.is_empty()).then(|| new_people_table(new_people)),
            memory.as_ref().map(memory_table),
            (!uploads.is_empty()).then(|| uploads_table(uploads)),
        ];
        let jobs = [(Job::Profile, "CPU ÷ pass-through"), (Job::Guard, "CPU ÷ front"), (Job::Native, "CPU ÷ by hand")];
        let jobs = jobs.iter().filter(|(job, _)| measurements.iter().any(|row| row.subject.job() == *job));
        let requests = jobs.map(|(job, baseline)| self.requests(*job, baseline));
        for table in tables.into_iter().flatten().chain(requests) {
            text.push('\n');
            text.push_str(&table.to_markdown());
        }
        for skipped in skipped {
            // Writing to a string cannot fail.
            let _ = write!(text, "\nNot measured: {skipped}\n");
        }
        text
    }

    fn goals(&self) -> Table {
        let mut table = Table::new(["goal", "wanted", "measured", ""], 1);
        for goal in goals(self.figures) {
            let wanted = match goal.bound {
                Bound::AtMost(most) => format!("≤ {most}"),
                Bound::AtLeast(least) => format!("≥ {least}"),
            };
            let measured = match goal.measured {
                Some(small) if small < 0.1 => format!("{small:.3}"),
                other => optional(other),
            };
            table.add([goal.what.clone(), wanted, measured, verdict(&goal).to_owned()]);
        }
        table
    }

    fn requests(&self, job: Job, baseline: &str) -> Table {
        let mut table = Table::new(
            [
                "server",
                "users",
                "connections",
                baseline,
                "req/s ÷ Node",
                "CPU per request, µs",
                "req/s",
                "p50, ms",
                "p99, ms",
                "p99 ÷ p50 by wrk",
                "in two pieces, %",
                "upstream calls per request",
                "peak memory, MB",
                "first request, ms",
            ],
            1,
        );
        for row in self.figures.measurements.iter().filter(|row| row.subject.job() == job) {
            let same = |subject| find(&self.figures.measurements, subject, row.users, row.connections);
            let node = row.subject.on_node().and_then(same);
            table.add([
                row.subject.to_string(),
                row.users.to_string(),
                row.connections.to_string(),
                optional(row.cpu_over_floor()),
                optional(node.map(|node| row.requests_per_second / node.requests_per_second)),
                format!("{:.0}", row.cpu_us_per_request),
                format!("{:.0}", row.requests_per_second),
                format!("{:.2}", row.p50_ms),
                format!("{:.2}", row.p99_ms),
                optional(row.spread_by_wrk()),
                format!("{:.3}", 100.0 * f64::from(row.in_pieces) / f64::from(row.requests)),
                format!("{:.2}", row.calls()),
                format!("{:.0}", row.peak_memory_mb),
                format!("{:.1}", row.first_request_ms),
            ]);
        }
        table
    }
}

fn rs256_table(rs256: &Rs256) -> Table {
    let mut table = Table::new(["RS256, RSA-2048, one verification", "÷ OpenSSL", "µs"], 1);
    let mut add = |what: &str, microseconds: Option<f64>| {
        let ratio = microseconds.zip(rs256.openssl_us).map(|(own, openssl)| own / openssl);
        let time = microseconds.map_or_else(|| NOT_MEASURED.to_owned(), |time| format!("{time:.1}"));
        table.add([what.to_owned(), optional(ratio), time]);
    };
    add("OpenSSL, native, without hash", rs256.openssl_us);
    add("profile-get, Wasm", Some(rs256.profile_get_us));
    add("jwt-simple, Wasm", Some(rs256.jwt_simple_us));
    table
}

fn first_responses_table(first: &FirstResponses) -> Table {
    let mut table =
        Table::new(["first responses of fresh processes", "processes", "stalled", "p50, ms", "slowest, ms"], 1);
    table.add([
        "profile-get".to_owned(),
        first.processes.to_string(),
        first.stalled.to_string(),
        format!("{:.1}", first.p50_ms),
        format!("{:.1}", first.slowest_ms),
    ]);
    table
}

fn bursts_table(bursts: &[Bursts]) -> Table {
    let heading = format!("{} simultaneous calls with one new token", bursts::CALLS);
    let columns = [heading.as_str(), "hosts", "bursts", "exchanges", "at the most", "p50, ms", "slowest, ms"];
    let mut table = Table::new(columns, 1);
    for row in bursts {
        table.add([
            row.subject.to_string(),
            row.hosts.to_string(),
            row.bursts.to_string(),
            format!("{:.2}", row.exchanges),
            row.most_exchanges.to_string(),
            format!("{:.1}", row.p50_ms),
            format!("{:.1}", row.slowest_ms),
        ]);
    }
    table
}

fn new_people_table(new_people: &[NewPeople]) -> Table {
    let mut table = Table::new(["new people", "people", "p50, ms", "p99, ms"], 1);
    for row in new_people {
        table.add([
            row.subject.to_string(),
            row.people.to_string(),
            format!("{:.1}", row.p50_ms),
            format!("{:.1}", row.p99_ms),
        ]);
    }
    table
}

fn memory_table(memory: &Memory) -> Table {
    let mut table = Table::new(["memory of people", "people", "bytes each", "of which the Graph token"], 1);
    table.add([
        "profile-get".to_owned(),
        memory.people.to_string(),
        format!("{:.0}", memory.bytes_per_person),
        format!("{:.0}", memory.token_bytes),
    ]);
    table
}

fn uploads_table(uploads: &[Uploads]) -> Table {
    let mut table = Table::new(["uploads that reach an app behind the gateway", "uploads", "in two pieces, %"], 1);
    for row in uploads {
        let in_pieces = format!("{:.3}", row.in_pieces_percent());
        table.add([row.reuse.word().to_owned(), row.uploads.to_string(), in_pieces]);
    }
    table
}

fn verdict(goal: &Goal) -> &'static str {
    match goal.is_met() {
        Some(true) => "met",
        Some(false) => "missed",
        None => "not measured",
    }
}

fn optional(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| NOT_MEASURED.to_owned(), |ratio| format!("{ratio:.2}"))
}

/// A Markdown table whose source is aligned too.
struct Table {
    rows: Vec<Vec<String>>,
    /// How many columns at the left are text. The others are figures.
    text_columns: usize,
}

impl Table {
    fn new<const COLUMNS: usize>(heading: [&str; COLUMNS], text_columns: usize) -> Self {
        Self { rows: vec![heading.map(str::to_owned).to_vec()], text_columns }
    }

    fn add<const COLUMNS: usize>(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row.to_vec());
    }

    fn to_markdown(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                // Writing to a string cannot fail.
                let _ = match column < self.text_columns {
                    true => write!(text, "| {cell:<width$} "),
                    false => write!(text, "| {cell:>width$} "),
                };
            }
            text.push_str("|\n");
            if number == 0 {
                for column in 0..row.len() {
                    let dashes = "-".repeat(width(column) + 1);
                    text.push_str(&if column < self.text_columns {
                        format!("|{dashes}-")
                    } else {
                        format!("|{dashes}:")
                    });
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measurement::Measurement,
        subject::{Reuse, Store, Subject},
        wrk::WrkLatencies,
    };

    #[test]
    fn figures_are_next_to_what_they_are_compared_with() {
        let row = |subject, cpu_us_per_request, requests_per_second| Measurement {
            subject,
            users: 1_000,
            connections: 16,
            requests: 10_000,
            requests_per_second,
            p50_ms: 1.0,
            p99_ms: 2.5,
            in_pieces: 6,
            by_wrk: (subject != Subject::NodePeer).then_some(WrkLatencies { p50_ms: 1.0, p99_ms: 2.9 }),
            cpu_us_per_request,
            floor_cpu_us_per_request: subject.floor().map(|_| 200.0),
            peak_memory_mb: 99.5,
            upstream_calls: [("GraphMe".to_owned(), 1.0), ("Token".to_owned(), 0.25)].into(),
            first_request_ms: 12.34,
        };
        let stored = Subject::ProfileGet(Reuse::Default, Store::Sqlite);
        let new_people = |store, p99_ms| NewPeople {
            subject: Subject::ProfileGet(Reuse::Default, store),
            people: 3_000,
            p50_ms: 24.0,
            p99_ms,
        };
        let figures = Figures {
            component_bytes: Some(901_234),
            rs256: Some(Rs256 { profile_get_us: 40.0, jwt_simple_us: 1000.0, openssl_us: Some(20.0) }),
            first_responses: Some(FirstResponses { processes: 20, stalled: 1, p50_ms: 11.9, slowest_ms: 53.0 }),
            bursts: vec![Bursts {
                subject: stored,
                hosts: 1,
                bursts: 20,
                exchanges: 1.25,
                most_exchanges: 2,
                p50_ms: 30.0,
                slowest_ms: 60.0,
            }],
            new_people: vec![new_people(Store::Off, 40.0), new_people(Store::Sqlite, 44.0)],
            memory: Some(Memory { people: 3_000, bytes_per_person: 1234.0, token_bytes: 1000.0 }),
            uploads: vec![Uploads { reuse: Reuse::LongLived, uploads: 20_000, in_pieces: 8 }],
            measurements: vec![
                row(Subject::PassThrough(Reuse::Default), 200.0, 4000.0),
                row(stored, 300.0, 3000.0),
                row(Subject::NodePeer, 1500.0, 500.0),
                row(Subject::Gateway(Reuse::LongLived), 250.0, 3500.0),
                row(Subject::NodeGateway, 1000.0, 700.0),
                row(Subject::Native, 100.0, 6000.0),
            ],
            skipped: vec!["Redis: redis-server is not on PATH".to_owned()],
        };
        let report = Report { figures: &figures, circumstances: "In a test.".to_owned() };
        insta::assert_snapshot!(report.to_markdown());
    }

    #[test]
    fn what_was_not_measured_has_no_table() {
        let report = Report { figures: &Figures::default(), circumstances: "In a test.".to_owned() };
        let text = report.to_markdown();
        assert_eq!(text.matches("\n\n| ").count(), 1, "{text}");
        assert!(text.contains("not measured") && !text.contains("missed"), "{text}");
    }
}
