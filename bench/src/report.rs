//! Tables, for a terminal or for a page.

use crate::gate::Verdict;

/// How a table is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    Text,
    Markdown,
}

impl Format {
    /// The head of a page: the command that repeats it, and what to know about the machine.
    pub(crate) fn page(self, command: &str, facts: &[String]) -> String {
        match self {
            Format::Text => format!("$ {command}\n{}", facts.join("\n")),
            Format::Markdown => {
                let facts: Vec<String> = facts.iter().map(|fact| format!("- {fact}")).collect();
                format!("```sh\n{command}\n```\n\n{}", facts.join("\n"))
            }
        }
    }
}

/// What one benchmark found.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    notes: Vec<String>,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

/// One line of a table. Its verdicts stand together in the last column.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &[&'static str]) -> Table {
        Table {
            title: title.into(),
            notes: Vec::new(),
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a sentence below the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a verdict to the row whose first cell this is.
    pub(crate) fn verdict(&mut self, name: &str, verdict: Verdict) {
        let named = |row: &&mut Row| row.cells.first().is_some_and(|cell| cell == name);
        if let Some(row) = self.rows.iter_mut().find(named) {
            row.verdicts.push(verdict);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.rows.iter().flat_map(|row| &row.verdicts)
    }

    pub(crate) fn print(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Markdown => self.markdown(),
        }
    }

    fn text(&self) -> String {
        let head = self.columns.iter().map(|&column| column.to_owned()).collect();
        let mut lines = vec![head];
        lines.extend(self.rows.iter().map(Row::line));
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max();
        let widths: Vec<usize> = (0..self.columns.len()).map(|at| width(at).unwrap_or(0)).collect();

        let mut text = format!("{}\n", self.title);
        for line in &lines {
            text += "  ";
            for (at, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                // Words start at the left; numbers end at the right.
                let is_number = at > 0 && at + 1 < line.len();
                text += &match is_number {
                    true => format!("{cell:>width$}  "),
                    false => format!("{cell:<width$}  "),
                };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        for note in &self.notes {
            text += &format!("  {note}\n");
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        text += &format!("| {} |\n", self.columns.join(" | "));
        let inner = "--: | ".repeat(self.columns.len().saturating_sub(2));
        text += &format!("| --- | {inner}--- |\n");
        for row in &self.rows {
            text += &format!("| {} |\n", row.line().join(" | "));
        }
        if !self.notes.is_empty() {
            text += &format!("\n{}.\n", self.notes.join("; "));
        }
        text
    }
}

impl Row {
    fn line(&self) -> Vec<String> {
        let verdicts: Vec<String> = self.verdicts.iter().map(ToString::to_string).collect();
        let mut line = self.cells.clone();
        line.push(verdicts.join("; "));
        line
    }
}

/// Prints nanoseconds with three digits that mean something.
pub(crate) fn time(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "us")];
    let unit = units.into_iter().find(|(size, _)| nanoseconds >= *size);
    let (value, unit) = unit.map_or((nanoseconds, "ns"), |(size, unit)| (nanoseconds / size, unit));
    let digits = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    if value.is_nan() { "-".to_owned() } else { format!("{value:.digits$} {unit}") }
}

/// Prints a ratio, `1.02x`.
pub(crate) fn ratio(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{value:.2}x") }
}

#[cfg(test)]
mod tests {
    use super::{Format, Row, Table, ratio, time};
    use crate::gate::Verdict;

    fn table() -> Table {
        let mut table = Table::new("lock", &["contender", "median", "ratio", "gate"]);
        let cells = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        table.row(Row { cells: cells(["floor", "325 ns", "1.00x"]), verdicts: Vec::new() });
        let verdicts = vec![Verdict::at_most(4.75, 6.0, "x")];
        table.row(Row { cells: cells(["flock-guard", "1.54 us", "4.75x"]), verdicts });
        table.note("20 rounds");
        table
    }

    #[test]
    fn a_table_reads_well_on_a_terminal() {
        let expected = "\
lock
  contender     median  ratio  gate
  floor         325 ns  1.00x
  flock-guard  1.54 us  4.75x  pass (4.75x, at most 6x)
  20 rounds
";
        assert_eq!(table().print(Format::Text), expected);
    }

    #[test]
    fn the_same_table_goes_into_a_page() {
        let expected = "\
### lock

| contender | median | ratio | gate |
| --- | --: | --: | --- |
| floor | 325 ns | 1.00x |  |
| flock-guard | 1.54 us | 4.75x | pass (4.75x, at most 6x) |

20 rounds.
";
        assert_eq!(table().print(Format::Markdown), expected);
    }

    #[test]
    fn a_page_begins_with_the_command_that_repeats_it() {
        let facts = ["ext4".to_owned(), "fs4 1.1.0".to_owned()];
        let page = |format: Format| format.page("cargo xtask bench lock", &facts);
        assert_eq!(page(Format::Text), "$ cargo xtask bench lock\next4\nfs4 1.1.0");
        let expected = "```sh\ncargo xtask bench lock\n```\n\n- ext4\n- fs4 1.1.0";
        assert_eq!(page(Format::Markdown), expected);
    }

    #[test]
    fn times_have_three_digits_and_a_unit() {
        for (nanoseconds, expected) in [
            (3.1, "3.10 ns"),
            (325.4, "325 ns"),
            (1_540.0, "1.54 us"),
            (99_960.0, "100 us"),
            (12_345_000.0, "12.3 ms"),
            (2.5e9, "2.50 s"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(time(nanoseconds), expected, "{nanoseconds}");
        }
        assert_eq!((ratio(1.017), ratio(f64::NAN)), ("1.02x".to_owned(), "-".to_owned()));
    }
}
