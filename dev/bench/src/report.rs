//! The tables, in Markdown.

use std::fmt::Write;

use super::{
    goals::{Bound, Goal, find, goals},
    measurement::Measurement,
    rs256::Rs256,
    subject::Subject,
};

/// Everything that a run found.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) measurements: &'a [Measurement],
    pub(super) rs256: Option<&'a Rs256>,
    pub(super) skipped: &'a [String],
    /// The host and the machine.
    pub(super) circumstances: String,
}

const NOT_MEASURED: &str = "–";

impl Report<'_> {
    pub(super) fn to_markdown(&self) -> String {
        let mut text = format!("{}\n\n", self.circumstances);
        text.push_str(&self.goals().to_markdown());
        if let Some(rs256) = self.rs256 {
            text.push('\n');
            text.push_str(&rs256_table(rs256).to_markdown());
        }
        text.push('\n');
        text.push_str(&self.requests().to_markdown());
        for skipped in self.skipped {
            // Writing to a string cannot fail.
            let _ = write!(text, "\nNot measured: {skipped}\n");
        }
        text
    }

    fn goals(&self) -> Table {
        let mut table = Table::new(["goal", "wanted", "measured", ""], 1);
        for goal in goals(self.measurements, self.rs256) {
            let wanted = match goal.bound {
                Bound::AtMost(most) => format!("≤ {most:.1}"),
                Bound::AtLeast(least) => format!("≥ {least:.1}"),
            };
            table.add([goal.what.clone(), wanted, optional(goal.measured), verdict(&goal).to_owned()]);
        }
        table
    }

    fn requests(&self) -> Table {
        let mut table = Table::new(
            [
                "server",
                "users",
                "connections",
                "CPU ÷ pass-through",
                "req/s ÷ Node",
                "CPU per request, µs",
                "req/s",
                "p50, ms",
                "p99, ms",
                "upstream calls per request",
                "peak memory, MB",
                "first request, ms",
            ],
            1,
        );
        for row in self.measurements {
            let same = |subject| find(self.measurements, subject, row.users, row.connections);
            let node = same(Subject::NodePeer).filter(|_| row.subject != Subject::NodePeer);
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
    use crate::subject::Reuse;

    #[test]
    fn figures_are_next_to_what_they_are_compared_with() {
        let row = |subject, cpu_us_per_request, requests_per_second| Measurement {
            subject,
            users: 1,
            connections: 16,
            requests: 10,
            requests_per_second,
            p50_ms: 1.0,
            p99_ms: 2.5,
            cpu_us_per_request,
            floor_cpu_us_per_request: matches!(subject, Subject::ProfileGet(..)).then_some(200.0),
            peak_memory_mb: 99.5,
            upstream_calls: [("GraphMe".to_owned(), 1.0), ("Token".to_owned(), 0.25)].into(),
            first_request_ms: 12.34,
        };
        let measurements = [
            row(Subject::PassThrough(Reuse::Default), 200.0, 4000.0),
            row(Subject::ProfileGet(Reuse::Default, crate::subject::Store::Off), 300.0, 3000.0),
            row(Subject::NodePeer, 1500.0, 500.0),
        ];
        let rs256 = Rs256 { profile_get_us: 40.0, jwt_simple_us: 1000.0, openssl_us: Some(20.0) };
        let report = Report {
            measurements: &measurements,
            rs256: Some(&rs256),
            skipped: &["Redis: redis-server is not on PATH".to_owned()],
            circumstances: "In a test.".to_owned(),
        };
        insta::assert_snapshot!(report.to_markdown());
    }
}
