//! The figures, as the table in `SECURITY.md`.

use std::fmt::{self, Write as _};

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

/// Figures by row.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<(&'static str, String)>);

impl Figures {
    pub(super) fn add(&mut self, row: &'static str, figure: String) {
        debug_assert!(ROWS.contains(&row), "{row} is no row of the table");
        self.0.push((row, figure));
    }
}

impl fmt::Display for Figures {
    /// A Markdown table.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("| what | found |\n|---|---|\n")?;
        for row in ROWS {
            if let Some((_, figure)) = self.0.iter().find(|(name, _)| *name == row) {
                writeln!(formatter, "| {row} | {figure} |")?;
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
        figures.add("soak", "60 s".to_owned());
        figures.add("fault matrix", "90 cells".to_owned());
        assert_eq!(figures.to_string(), "| what | found |\n|---|---|\n| fault matrix | 90 cells |\n| soak | 60 s |\n");
        assert_eq!([grouped(7), grouped(999), grouped(1000), grouped(1_234_567)], ["7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn the_published_table_has_the_same_rows() {
        let document = std::fs::read_to_string(cargo_dev::workspace::root().join("SECURITY.md")).unwrap();
        let table = document.split_once("| what | found |\n|---|---|\n").expect("the table of figures").1;
        let rows = table.lines().map_while(|line| line.strip_prefix("| ")?.split_once(" | ").map(|(row, _)| row));
        assert_eq!(rows.collect::<Vec<_>>(), ROWS);
    }
}
