//! The figures, as the table in `SECURITY.md`.

use std::fmt::{self, Write as _};

use cargo_dev::commands::deep::Subject;

/// The rows of the table, in its order.
pub const ROWS: [&str; 9] = [
    "hostile requests and tokens",
    "controls, which must get in",
    "fault matrix",
    "answers while something was broken",
    "recovery after a fault",
    "soak",
    "soak, events",
    "soak, memory",
    "search for tokens and secrets",
];

/// Figures by subject and row.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<(Subject, &'static str, String)>);

impl Figures {
    pub(super) fn add(&mut self, subject: Subject, row: &'static str, figure: String) {
        debug_assert!(ROWS.contains(&row), "{row} is no row of the table");
        self.0.push((subject, row, figure));
    }
}

impl fmt::Display for Figures {
    /// A Markdown table with a column for each subject.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects: Vec<_> =
            Subject::ALL.into_iter().filter(|subject| self.0.iter().any(|(of, ..)| of == subject)).collect();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let head = std::iter::once("what".to_owned()).chain(subjects.iter().map(ToString::to_string)).collect();
        formatter.write_str(&line(head))?;
        writeln!(formatter, "|---|{}", "---|".repeat(subjects.len()))?;
        for row in ROWS {
            let figure = |subject: &Subject| {
                let found = self.0.iter().find(|(of, name, _)| of == subject && *name == row);
                found.map(|(_, _, figure)| figure.clone())
            };
            let figures: Vec<_> = subjects.iter().map(figure).collect();
            if figures.iter().any(Option::is_some) {
                let figures = figures.into_iter().map(Option::unwrap_or_default);
                formatter.write_str(&line(std::iter::once(row.to_owned()).chain(figures).collect()))?;
            }
        }
        Ok(())
    }
}

/// `12345` as `12,345`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{digit}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_the_tables_order() {
        let mut figures = Figures::default();
        figures.add(Subject::Sidecar, "soak", "60 s".to_owned());
        figures.add(Subject::Api, "soak", "30 s".to_owned());
        figures.add(Subject::Api, "fault matrix", "90 cells".to_owned());
        let table = "| what | API | sidecar |\n|---|---|---|\n| fault matrix | 90 cells |  |\n| soak | 30 s | 60 s |\n";
        assert_eq!(figures.to_string(), table);
        assert_eq!([grouped(7), grouped(999), grouped(1000), grouped(1_234_567)], ["7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn the_published_table_has_the_same_rows() {
        let document = std::fs::read_to_string(cargo_dev::workspace::root().join("SECURITY.md")).unwrap();
        let table = document
            .split_once("| what | API | gateway | sidecar |\n|---|---|---|---|\n")
            .expect("the table of figures")
            .1;
        let rows = table.lines().map_while(|line| line.strip_prefix("| ")?.split_once(" | ").map(|(row, _)| row));
        assert_eq!(rows.collect::<Vec<_>>(), ROWS);
    }
}
