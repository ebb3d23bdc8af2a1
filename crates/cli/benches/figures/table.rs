//! Figures in rows and columns, as text for people and as one line of JSON for programs.

use std::fmt::Write;

use serde_json::json;

/// Columns between the beginning of one and of the next.
const COLUMN_WIDTH: usize = 16;

/// A table of figures.
pub(crate) struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<f64>)>,
}

impl Table {
    /// A table without rows. Each column's name says its unit.
    pub(crate) fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row with a figure for each column.
    pub(crate) fn row(&mut self, name: impl Into<String>, figures: impl Into<Vec<f64>>) {
        self.rows.push((name.into(), figures.into()));
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let width = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = format!("\n{}\n{:width$}", self.title, "");
        for column in &self.columns {
            // Writing to a string cannot fail.
            let _ = write!(text, "{column:>COLUMN_WIDTH$}");
        }
        for (name, figures) in &self.rows {
            let _ = write!(text, "\n{name:width$}");
            for figure in figures {
                let decimals = if figure.abs() < 10.0 { 2 } else { 1 };
                let _ = write!(text, "{figure:>COLUMN_WIDTH$.decimals$}");
            }
        }
        text
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|(name, figures)| {
                let figures: serde_json::Map<_, _> = self
                    .columns
                    .iter()
                    .zip(figures)
                    .map(|(column, figure)| ((*column).into(), json!(figure)))
                    .collect();
                json!({"name": name, "figures": figures})
            })
            .collect();
        json!({"title": self.title, "rows": rows}).to_string()
    }
}

/// The middle one of `figures`; not a number if there is none.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
